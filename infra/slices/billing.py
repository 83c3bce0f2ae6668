"""The billing slice: packages and payments over HTTP, verified from a queue, watched on a schedule."""

from constructs import Construct

from infra.data import Data
from infra.parts.bucket import Bucket
from infra.parts.function import Function
from infra.parts.house import House
from infra.parts.limits import rates
from infra.parts.privacy import Privacy
from infra.parts.queue import Queue
from infra.parts.schedule import EveryDay, EveryMinute
from infra.parts.table import GET, PUT, QUERY, READ, UPDATE, WRITE
from infra.stage import Stage

_CHECK_TIMEOUT_S = 840  # a run goes on where the last one stopped: done before the next one starts
_CHECK_MINUTES = 15
_RECONCILE_MINUTES = 30
_SWEEP_TIMEOUT_S = 55  # done before the next one starts
# One payment at a time: each is a question to the provider that may take half of the worker's timeout, and when the
# provider is down a batch of ten would be cut off half-way and blamed on payments that nobody had looked at.
_PAYMENTS_PER_BATCH = 1
_ALARMS = {
    "DocumentFailed": "Billing: a payment could not be given its invoice or credit note",
    "PrintingFailed": "Billing: the PDF of an invoice or credit note could not be made",
    "PaymentContradicted": "Billing: a provider says that a payment has failed which it had confirmed",
    "InvariantBreach": "Billing: the books of a tenant do not add up; its wallet is frozen if its money is wrong",
    "WalletUnchecked": "Billing: a wallet could not be checked",
    "ReconciliationDifference": "Billing: a payment provider's account of a day and our books differ",
    "ReconciliationLate": "Billing: a day could not be compared with a payment provider's account of it",
    "RevenueUnrecognised": "Billing: what a tenant has used could not be turned into revenue",
    "PaymentReview": "Billing: money moved not as agreed, or nobody knows whether it moved: the staff have to decide",
    "RefundStuck": "Billing: a payment provider that has to send money back cannot be asked for it",
    "RefundMismatch": "Billing: a payment provider sent back another amount, or after its refund had ended",
    "PaymentCircuitOpened": "Billing: a payment provider has not answered for some time and is sent no push",
    "PaymentAccountMissing": "Billing: payments wait for a provider whose keys are gone",
    "PaymentCallbacksUnsigned": "Billing: a payment provider does not sign its callbacks, so all of them are refused",
    "ProviderRefusesKey": "Billing: a payment provider refuses our key",
    "ProviderCollectedTwice": "Billing: a payment provider has collected twice for one order",
    "PaymentOrphan": "Billing: a payment provider tells of a payment that is none of ours",
}


class Billing(Construct):
    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        house: House,
        data: Data,
        exports: Bucket,
        parked: Queue,
        announcements: Queue,
    ) -> None:
        super().__init__(scope, name)
        self._house = house
        self._announcements = announcements
        self._parked = parked
        self._data = data
        stage = house.stage
        self.payments = Queue(self, "Payments", house=house, consumer_timeout_s=stage.worker_timeout_s)
        self._watched = {
            "LEDGER_TABLE": data.ledger.table_name,
            "PAYMENTS_QUEUE_URL": self.payments.url,
            "PAYMENT_EXPIRY_S": str(stage.payment_expiry_s),
            "PAYMENT_CHECKS_S": stage.payment_checks_s,
            "PAYMENT_WATCH_S": str(stage.payment_watch_s),
        }
        self._secrets = {"ZENOPAY": data.zenopay, "PAWAPAY": data.pawapay, "CLICKPESA": data.clickpesa}
        self._providers = {
            **{f"{provider}_SECRET": secret.arn for provider, secret in self._secrets.items()},
            "ZENOPAY_URL": stage.zenopay_url,
            "PAWAPAY_URL": stage.pawapay_url,
            "CLICKPESA_URL": stage.clickpesa_url,
            "CLICKPESA_FEES": stage.clickpesa_fees,
            "PROVIDER_FAILURES_MAX": str(stage.provider_failures_max),
            "CIRCUIT_OPEN_S": str(stage.circuit_open_s),
        }
        self.api = self._sell()
        self.worker = self._verify()
        self.sweep = self._sweep()
        self._refresh()
        self.privacy = self._privacy(exports)
        self.nightly = self._check()
        self.reconciling = self._reconcile()
        self.invoicing = self._document()
        self.printing = self._print()
        house.alerts.ring(scope=self, service="billing", meanings=_ALARMS)

    def _sell(self) -> Function:
        house, data = self._house, self._data
        api = Function(
            self,
            "Api",
            handler="functions.billing.api.handler",
            house=house,
            environment={
                **self._watched,
                **self._providers,
                "PAYMENT_PROVIDERS": house.stage.payment_providers,
                "PUSHES_PER_PROVIDER": str(house.stage.pushes_per_provider),
                "PUBLIC_URL": house.stage.public_url or house.api.url,
                "ACCESS_TABLE": data.access.table_name,
                "AUDIT_TABLE": data.audit.table_name,
                "SIGNING_KEYS_SECRET": data.signing_keys.arn,
                **rates(house.stage),
                "PROVIDER_TIMEOUT_S": str(house.stage.door_provider_timeout_s),
                "QUOTE_VALIDITY_S": str(house.stage.quote_validity_s),
                **_bank(house.stage),
                "TWO_PERSON_ABOVE_TZS": str(house.stage.two_person_above_tzs),
                "TWO_PERSON_ABOVE_CREDITS": str(house.stage.two_person_above_credits),
                "PROPOSAL_EXPIRY_S": str(house.stage.proposal_expiry_s),
                "PARKED_QUEUE_URL": self._parked.url,
                "PAYMENT_LOST_AFTER_S": str(house.stage.payment_lost_after_s),
                "DOCUMENTS_BUCKET": data.documents.bucket_name,
            },
        )
        data.access.grant(api, *GET)
        data.access.grant_leading(api, ["RATE#*", "USED#*"], *UPDATE)
        data.audit.grant(api, *PUT)
        data.ledger.grant(api, *READ, *WRITE)
        data.signing_keys.grant_read(api)
        data.documents.grant_get(api)
        for secret in self._secrets.values():
            secret.grant_read(api)
        self.payments.grant_send(api)
        self._parked.grant_send(api)
        house.api.route("/api/billing/{proxy+}", api)
        house.api.route("/api/admin/billing/{proxy+}", api)
        return api

    def _verify(self) -> Function:
        data, stage = self._data, self._house.stage
        worker = Function(
            self,
            "Worker",
            handler="functions.billing.worker.handler",
            house=self._house,
            timeout_s=stage.worker_timeout_s,
            environment={
                **self._watched,
                **self._providers,
                "PARKED_QUEUE_URL": self._parked.url,
                "PAYMENT_LOST_AFTER_S": str(stage.payment_lost_after_s),
                "PROVIDER_TIMEOUT_S": str(stage.provider_timeout_s),
            },
        )
        data.ledger.grant(worker, *READ, *WRITE)
        for secret in self._secrets.values():
            secret.grant_read(worker)
        self._parked.grant_send(worker)
        self.payments.grant_send(worker)
        self.payments.feed(worker, batch_size=_PAYMENTS_PER_BATCH)
        return worker

    def _sweep(self) -> Function:
        sweep = Function(
            self,
            "Sweep",
            handler="functions.billing.sweep.handler",
            house=self._house,
            timeout_s=_SWEEP_TIMEOUT_S,
            environment={**self._watched, "ANNOUNCEMENTS_QUEUE_URL": self._announcements.url},
        )
        self._announcements.grant_send(sweep)
        self._data.ledger.grant(sweep, *READ, *WRITE)
        self.payments.grant_send(sweep)
        EveryMinute(self, "SweepSchedule", function=sweep, house=self._house)
        return sweep

    def _refresh(self) -> None:
        stage = self._house.stage
        refresh = Function(
            self,
            "Refresh",
            handler="functions.billing.refresh.handler",
            house=self._house,
            timeout_s=stage.worker_timeout_s,
            environment={
                "LEDGER_TABLE": self._data.ledger.table_name,
                **self._providers,
                "PROVIDER_TIMEOUT_S": str(stage.provider_timeout_s),
            },
        )
        self._data.ledger.grant(refresh, *PUT)
        for secret in self._secrets.values():
            secret.grant_read(refresh)
        EveryDay(self, "RefreshSchedule", function=refresh, house=self._house)

    def _privacy(self, exports: Bucket) -> Privacy:
        data = self._data
        privacy = Privacy(
            self,
            "Privacy",
            slice_name="billing",
            house=self._house,
            access=data.access,
            exports=exports,
            environment={"LEDGER_TABLE": data.ledger.table_name},
        )
        data.ledger.grant(privacy.worker, *READ, *UPDATE)
        return privacy

    def _check(self) -> Function:
        """The day's checkup of all wallets: a run that finds it over ends at once."""
        nightly = Function(
            self,
            "Nightly",
            handler="functions.billing.nightly.handler",
            house=self._house,
            timeout_s=_CHECK_TIMEOUT_S,
            environment={"LEDGER_TABLE": self._data.ledger.table_name},
        )
        self._data.ledger.grant(nightly, *READ, *WRITE)
        EveryMinute(self, "NightlySchedule", function=nightly, house=self._house, minutes=_CHECK_MINUTES)
        return nightly

    def _reconcile(self) -> Function:
        """The days' comparison with the providers' own accounts: it asks, writes reports, and moves no money."""
        stage = self._house.stage
        reconciling = Function(
            self,
            "Reconciling",
            handler="functions.billing.reconciling.handler",
            house=self._house,
            timeout_s=_CHECK_TIMEOUT_S,
            environment={
                "LEDGER_TABLE": self._data.ledger.table_name,
                "PAYMENTS_QUEUE_URL": self.payments.url,
                "PUBLIC_URL": stage.public_url or self._house.api.url,
                **self._providers,
                "PROVIDER_TIMEOUT_S": str(stage.provider_timeout_s),
            },
        )
        self._data.ledger.grant(reconciling, *READ)
        self._data.ledger.grant_leading(reconciling, ["RECON#*"], *PUT)
        for secret in self._secrets.values():
            secret.grant_read(reconciling)
        self.payments.grant_send(reconciling)
        EveryMinute(self, "ReconcilingSchedule", function=reconciling, house=self._house, minutes=_RECONCILE_MINUTES)
        return reconciling

    def _document(self) -> Function:
        """Gives payments their invoices: one that fails waits on, and the next minute tries again."""
        data, stage = self._data, self._house.stage
        invoicing = Function(
            self,
            "Invoicing",
            handler="functions.billing.invoicing.handler",
            house=self._house,
            timeout_s=_SWEEP_TIMEOUT_S,
            environment={
                "LEDGER_TABLE": data.ledger.table_name,
                "ACCESS_TABLE": data.access.table_name,
                "SELLER_NAME": stage.seller_name,
                "SELLER_TIN": stage.seller_tin,
                "SELLER_VRN": stage.seller_vrn,
            },
        )
        data.access.grant(invoicing, *GET)
        data.ledger.grant(invoicing, *READ, *WRITE)
        EveryMinute(self, "InvoicingSchedule", function=invoicing, house=self._house)
        return invoicing

    def _print(self) -> Function:
        """Makes PDFs, apart from all that moves money: it may mark documents, and read nothing but the ledger."""
        data = self._data
        printing = Function(
            self,
            "Printing",
            handler="functions.billing.printing.worker.handler",
            house=self._house,
            timeout_s=_SWEEP_TIMEOUT_S,
            environment={
                "LEDGER_TABLE": data.ledger.table_name,
                "DOCUMENTS_BUCKET": data.documents.bucket_name,
            },
        )
        data.ledger.grant_leading(printing, ["DOC#*"], *GET, *UPDATE)
        data.ledger.grant(printing, *QUERY)
        data.documents.grant_put(printing)
        EveryMinute(self, "PrintingSchedule", function=printing, house=self._house)
        return printing


def _bank(stage: Stage) -> dict[str, str]:
    """The account that transfers go to."""
    return {
        "BANK_NAME": stage.bank.bank,
        "BANK_ACCOUNT_NAME": stage.bank.name,
        "BANK_ACCOUNT_NUMBER": stage.bank.number,
        "BANK_SWIFT": stage.bank.swift,
        "TRANSFER_EXPIRY_S": str(stage.transfer_expiry_s),
    }
