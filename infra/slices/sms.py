"""The sms slice: accept over HTTP, hand over and follow up from queues, sweep on a schedule."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.data import Data
from infra.parts.appointments import Appointments
from infra.parts.bucket import Bucket
from infra.parts.function import Function
from infra.parts.house import House
from infra.parts.limits import rates
from infra.parts.privacy import Privacy
from infra.parts.queue import Queue
from infra.parts.schedule import EveryMinute
from infra.parts.table import BATCH, DELETE, GET, PUT, READ, UPDATE, WRITE

_RECEIPTS_TIMEOUT_S = 60
_NOTICES_TIMEOUT_S = 30
_NOTICES_PER_BATCH = 10
_PARKED_TIMEOUT_S = 50
_LAYING_TIMEOUT_S = 60
_STARTS_TIMEOUT_S = 60
# Parts that are laid out at once: more would write chunks faster than workers hand them over.
_LAYING_CONCURRENCY = 5
_HOOKS_TIMEOUT_S = 60
_SPLITTER_TIMEOUT_S = 120
# One virtual CPU: it computes all the time, and two would not help it.
_SPLITTER_MEMORY_MB = 1769
# Tenants wait for each other's files when so many are read.
_SPLITTER_CONCURRENCY = 10
_SCRIBE_TIMEOUT_S = 120
# A million rows take one of them some minutes; the table has other things to do than to be read for files.
_SCRIBE_CONCURRENCY = 5
# As many as this many slow customers keep busy at once; the queue is fair, so one of them holds up none of the others.
_HOOKS_CONCURRENCY = 20
_SWEEP_TIMEOUT_S = 55  # done before the next one starts
# The sweep comes every minute and takes a thousand chunks: what it has not moved on by then, it cannot.
_CHUNK_LATE_MAX_S = 900
# The largest campaign has its last turn two hours after its first, at a tenant's rate; several at once take longer.
_TEXTS_WAITED_MAX_S = 6 * 3600
# Whatever waits is looked at so often: a queue delays no message for longer.
_WAITING_LOOKED_AT_MINUTES = 15
_ALARMS = {
    "NoticeBudgetExhausted": "The platform's own account has no credits for codes: adjust its wallet",
    "ProviderCircuitOpened": "Nothing is handed to Beem for now: see GET /api/admin/sms/provider/",
    "ProviderBalanceLow": "Our balance at Beem is low: top it up before texts wait",
    "ProviderAccountUnread": "Our account at Beem could not be read: nobody would hear of a low balance",
    "ReportMalformed": "Beem reports in a form that we cannot read, and what it says is lost",
    "ReportMismatch": "Beem reports on another number than that was handed over in this place",
    "InboundMalformed": "Beem brings what a phone texted in a form that we cannot read: a STOP may be among it",
    "ReportUnmapped": "Beem reports in a word that we do not know: add it to the table, or ask Beem what it means",
    "ReportOrphaned": "A report still matches no hand-over after the last look at it",
    "SweepStepFailed": "What had stopped in the middle could not be let go on: the log of the sweep names it",
    "NoticeExpired": "Codes of the platform's own are older than they are good when their turn comes",
    "RepeatsForgotten": "A tenant sends more than we remember of: a repeat of it would not be refused",
    "BatchOutlivedChunks": "A batch was still open when its chunks expired: what is missing was charged nothing",
}


class Sms(Construct):
    """Two lanes carry chunks to Beem, so that a campaign of a million texts delays nobody's one-time code."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        house: House,
        data: Data,
        exports: Bucket,
        campaigns: Bucket,
        announcements: Queue,
    ) -> None:
        super().__init__(scope, name)
        self._house = house
        self._data = data
        self._campaigns = campaigns
        self._announcements = announcements
        self.urgent = Queue(self, "Urgent", house=house, consumer_timeout_s=house.stage.worker_timeout_s)
        self.bulk = Queue(self, "Bulk", house=house, consumer_timeout_s=house.stage.worker_timeout_s)
        self.notices = Queue(self, "Notices", house=house, consumer_timeout_s=_NOTICES_TIMEOUT_S)
        self.receipts = Queue(self, "Receipts", house=house, consumer_timeout_s=_RECEIPTS_TIMEOUT_S)
        self.parked = Queue(self, "Parked", house=house, consumer_timeout_s=_PARKED_TIMEOUT_S)
        self.starts = Queue(self, "Starts", house=house, consumer_timeout_s=_STARTS_TIMEOUT_S)
        self.laying = Queue(self, "Laying", house=house, consumer_timeout_s=_LAYING_TIMEOUT_S)
        self.hooks = Queue(self, "Hooks", house=house, consumer_timeout_s=_HOOKS_TIMEOUT_S)
        self.uploads = Queue(self, "Uploads", house=house, consumer_timeout_s=_SPLITTER_TIMEOUT_S)
        self.results = Queue(self, "Results", house=house, consumer_timeout_s=_SCRIBE_TIMEOUT_S)
        self.appointments = Appointments(self, "Appointments", queue=self.starts, house=house)
        self._telling = {"HOOKS_QUEUE_URL": self.hooks.url}
        self._lanes = {
            "URGENT_QUEUE_URL": self.urgent.url,
            "BULK_QUEUE_URL": self.bulk.url,
            "TENANT_SEGMENTS_PER_S": str(house.stage.tenant_segments_per_s),
            "PLATFORM_SEGMENTS_PER_S": str(house.stage.platform_segments_per_s),
            "TENANT_URGENT_PER_S": str(house.stage.tenant_urgent_per_s),
        }
        self._tables = {
            "SWEEP_AFTER_S": str(house.stage.sweep_after_s),
            "MESSAGING_TABLE": data.messaging.table_name,
            "LEDGER_TABLE": data.ledger.table_name,
        }
        self._files = {
            "SWEEP_AFTER_S": str(house.stage.sweep_after_s),
            "MESSAGING_TABLE": data.messaging.table_name,
            "CAMPAIGNS_BUCKET": campaigns.bucket_name,
        }
        self._signing = {
            "HOOKS_SECRET": data.hooks.arn,
            "HOOKS_TO_LOOPBACK": str(house.stage.hooks_to_loopback),
        }
        self._window = {
            "RECEIPT_WINDOW_S": str(house.stage.receipt_window_s),
            "MISSING_PULL_EVERY_S": str(house.stage.missing_pull_every_s),
            "INBOX_LOOKS_S": house.stage.inbox_looks_s,
            "OWED_ENDINGS": house.stage.owed_endings,
        }
        self._parking = {
            "PARKED_FOR_S": str(house.stage.parked_for_s),
            "PARKED_LOOK_S": str(house.stage.parked_look_s),
        }
        self.api = self._accept()
        self.worker = self._hand_over()
        self.receiver = self._follow_up()
        self.sweep = self._sweep()
        self.notifier = self._notify()
        self.privacy = self._privacy(exports)
        self.resumer = self._resume()
        self.layer = self._lay()
        self.starter = self._start()
        self.teller = self._tell()
        self.splitter = self._split()
        self.scribe = self._write_results()
        self.checkup = self._check_up()
        house.alerts.ring(scope=self, service="sms", meanings=_ALARMS)

    def _accept(self) -> Function:
        house, data = self._house, self._data
        api = Function(
            self,
            "Api",
            handler="functions.sms.api.handler",
            house=house,
            environment={
                **self._tables,
                **self._lanes,
                "ACCESS_TABLE": data.access.table_name,
                "AUDIT_TABLE": data.audit.table_name,
                "SIGNING_KEYS_SECRET": data.signing_keys.arn,
                **rates(house.stage),
                **self._parking,
                "QUOTE_VALIDITY_S": str(house.stage.quote_validity_s),
                **self._telling,
                **self._signing,
                "CONSOLE_URL": house.stage.console_url,
                "REPEATS_SECRET": data.repeats.arn,
                "URGENT_RECIPIENTS_MAX": str(house.stage.urgent_recipients_max),
                "TEST_RECIPIENTS_PER_DAY": str(house.stage.test_recipients_per_day),
                "CAMPAIGNS_BUCKET": self._campaigns.bucket_name,
                "LAYING_QUEUE_URL": self.laying.url,
                "STARTS_QUEUE_URL": self.starts.url,
                "RESULTS_QUEUE_URL": self.results.url,
                **self.appointments.environment,
                **self._window,
            },
        )
        self.laying.grant_send(api)
        self.results.grant_send(api)
        self.starts.grant_send(api)
        self.appointments.grant(api)
        self._campaigns.grant_put(api)
        self._campaigns.grant_get(api)
        data.access.grant(api, *GET)
        data.access.grant_leading(api, ["RATE#*", "USED#*"], *UPDATE)
        data.audit.grant(api, *PUT)
        data.messaging.grant(api, *READ, *WRITE, *BATCH, *DELETE)
        data.ledger.grant(api, *READ, *WRITE)
        data.signing_keys.grant_read(api)
        data.hooks.grant_read(api)
        data.repeats.grant_read(api)
        self.hooks.grant_send(api)
        self.urgent.grant_send(api)
        self.bulk.grant_send(api)
        house.api.route("/api/sms/{proxy+}", api)
        house.api.route("/api/admin/sms/{proxy+}", api)
        return api

    def _hand_over(self) -> Function:
        data, stage = self._data, self._house.stage
        worker = Function(
            self,
            "Worker",
            handler="functions.sms.worker.handler",
            house=self._house,
            timeout_s=stage.worker_timeout_s,
            environment={
                **self._tables,
                **self._lanes,
                **self._telling,
                "ACCESS_TABLE": data.access.table_name,
                "STARTS_QUEUE_URL": self.starts.url,
                "BEEM_SECRET": data.beem.arn,
                "BEEM_URL": stage.beem_url,
                "BEEM_REPORTS_URL": stage.beem_reports_url,
                "PROVIDER_TIMEOUT_S": str(stage.provider_timeout_s),
                "CLAIM_LEASE_S": str(stage.claim_lease_s),
                **self._window,
                "REPORT_PULL_AFTER_S": str(stage.report_pull_after_s),
                "SEND_RETRY_BASE_S": str(stage.send_retry_base_s),
                "SEND_ATTEMPTS_MAX": str(stage.send_attempts_max),
                "CIRCUIT_OPEN_S": str(stage.circuit_open_s),
                "CIRCUIT_OPEN_MAX_S": str(stage.circuit_open_max_s),
                "CIRCUIT_FAILURES_MAX": str(stage.circuit_failures_max),
            },
        )
        data.messaging.grant(worker, *READ, *WRITE, *BATCH, *DELETE)
        data.ledger.grant(worker, *READ, *WRITE)
        data.access.grant_leading(worker, ["T#*"], *GET)
        data.beem.grant_read(worker)
        self.hooks.grant_send(worker)
        self.starts.grant_send(worker)
        self.urgent.grant_send(worker)
        self.bulk.grant_send(worker)
        # One chunk at a time: it is one call to Beem, which may take nearly all of the timeout.
        self.urgent.feed(worker, batch_size=1, concurrency=stage.worker_concurrency)
        self.bulk.feed(worker, batch_size=1, concurrency=stage.worker_concurrency)
        return worker

    def _follow_up(self) -> Function:
        data, stage = self._data, self._house.stage
        receiver = Function(
            self,
            "Receiver",
            handler="functions.sms.receipts.handler",
            house=self._house,
            timeout_s=_RECEIPTS_TIMEOUT_S,
            environment={
                "MESSAGING_TABLE": data.messaging.table_name,
                **self._window,
                "SWEEP_AFTER_S": str(stage.sweep_after_s),
                **self._telling,
            },
        )
        self.hooks.grant_send(receiver)
        data.messaging.grant(receiver, *READ, *WRITE, *BATCH, *DELETE)
        self.receipts.feed(receiver, batch_size=stage.receipts_per_batch, window_s=stage.receipts_wait_s)
        return receiver

    def _sweep(self) -> Function:
        data, stage = self._data, self._house.stage
        sweep = Function(
            self,
            "Sweep",
            handler="functions.sms.sweep.handler",
            house=self._house,
            timeout_s=_SWEEP_TIMEOUT_S,
            environment={
                **self._tables,
                **self._lanes,
                "CLAIM_LEASE_S": str(stage.claim_lease_s),
                **self._window,
                "REPORT_PULL_AFTER_S": str(stage.report_pull_after_s),
                "SEND_RETRY_BASE_S": str(stage.send_retry_base_s),
                **self._parking,
                **self._telling,
                "PARKED_QUEUE_URL": self.parked.url,
                "LAYING_QUEUE_URL": self.laying.url,
                "STARTS_QUEUE_URL": self.starts.url,
                "UPLOADS_QUEUE_URL": self.uploads.url,
            },
        )
        self.parked.grant_send(sweep)
        self.uploads.grant_send(sweep)
        self.laying.grant_send(sweep)
        self.starts.grant_send(sweep)
        self.hooks.grant_send(sweep)
        data.messaging.grant(sweep, *READ, *WRITE, *BATCH, *DELETE)
        data.ledger.grant(sweep, *READ, *WRITE)
        self.urgent.grant_send(sweep)
        self.bulk.grant_send(sweep)
        EveryMinute(self, "SweepSchedule", function=sweep, house=self._house)
        self._house.alerts.on(
            _longest("OldestChunkLateSeconds", minutes=5),
            scope=Construct(self, "OldestChunk"),
            above=_CHUNK_LATE_MAX_S,
            meaning="Texts wait that nothing moves on: the log of the sweep says why",
        )
        self._house.alerts.on(
            _longest("TextsWaitedSeconds", minutes=_WAITING_LOOKED_AT_MINUTES),
            scope=Construct(self, "TextsWaited"),
            above=_TEXTS_WAITED_MAX_S,
            meaning="Texts that were to go out hours ago are put off again and again",
        )
        return sweep

    def _check_up(self) -> Function:
        data, stage = self._data, self._house.stage
        checkup = Function(
            self,
            "Checkup",
            handler="functions.sms.checkup.handler",
            house=self._house,
            timeout_s=_SWEEP_TIMEOUT_S,
            environment={
                "MESSAGING_TABLE": data.messaging.table_name,
                "SWEEP_AFTER_S": str(stage.sweep_after_s),
                "BEEM_SECRET": data.beem.arn,
                "BEEM_URL": stage.beem_url,
                "BEEM_REPORTS_URL": stage.beem_reports_url,
                "PROVIDER_TIMEOUT_S": str(stage.door_provider_timeout_s),
                "PROVIDER_BALANCE_MIN": str(stage.provider_balance_min),
            },
        )
        data.messaging.grant_leading(checkup, ["PLATFORM"], *UPDATE)
        data.beem.grant_read(checkup)
        EveryMinute(self, "CheckupSchedule", function=checkup, house=self._house, minutes=60)
        return checkup

    def _resume(self) -> Function:
        data, stage = self._data, self._house.stage
        resumer = Function(
            self,
            "Resumer",
            handler="functions.sms.unpark.handler",
            house=self._house,
            timeout_s=_PARKED_TIMEOUT_S,
            environment={
                **self._tables,
                **self._lanes,
                **self._parking,
                "ACCESS_TABLE": data.access.table_name,
                "REPEATS_SECRET": data.repeats.arn,
                "URGENT_RECIPIENTS_MAX": str(stage.urgent_recipients_max),
                "CAMPAIGNS_BUCKET": self._campaigns.bucket_name,
                "LAYING_QUEUE_URL": self.laying.url,
                **self.appointments.environment,
            },
        )
        data.repeats.grant_read(resumer)
        self._campaigns.grant_put(resumer)
        self.laying.grant_send(resumer)
        self.appointments.grant(resumer)
        data.access.grant(resumer, *GET)
        data.access.grant_leading(resumer, ["USED#*"], *UPDATE)
        data.messaging.grant(resumer, *READ, *WRITE, *DELETE)
        data.ledger.grant(resumer, *READ, *WRITE)
        self.urgent.grant_send(resumer)
        self.bulk.grant_send(resumer)
        self.parked.feed(resumer, batch_size=1)
        return resumer

    def _lay(self) -> Function:
        data = self._data
        layer = Function(
            self,
            "Layer",
            handler="functions.sms.layer.handler",
            house=self._house,
            timeout_s=_LAYING_TIMEOUT_S,
            environment={
                **self._files,
                **self._lanes,
            },
        )
        data.messaging.grant(layer, *GET, *WRITE)
        self._campaigns.grant_get(layer)
        self.urgent.grant_send(layer)
        self.bulk.grant_send(layer)
        self.laying.feed(layer, batch_size=1, concurrency=_LAYING_CONCURRENCY)
        return layer

    def _start(self) -> Function:
        data = self._data
        starter = Function(
            self,
            "Starter",
            handler="functions.sms.starter.handler",
            house=self._house,
            timeout_s=_STARTS_TIMEOUT_S,
            environment={
                **self._tables,
                **self._lanes,
                **self._telling,
                "STARTS_QUEUE_URL": self.starts.url,
                **self.appointments.environment,
                "ACCESS_TABLE": data.access.table_name,
                **self._window,
            },
        )
        data.messaging.grant(starter, *READ, *WRITE)
        data.ledger.grant(starter, *READ, *WRITE)
        self.hooks.grant_send(starter)
        self.urgent.grant_send(starter)
        self.bulk.grant_send(starter)
        self.starts.grant_send(starter)
        self.appointments.grant(starter)
        data.access.grant(starter, *GET)
        self.starts.feed(starter, batch_size=1)
        return starter

    def _tell(self) -> Function:
        data, stage = self._data, self._house.stage
        teller = Function(
            self,
            "Teller",
            handler="functions.sms.hooks_worker.handler",
            house=self._house,
            memory_mb=256,
            timeout_s=_HOOKS_TIMEOUT_S,
            environment={
                "MESSAGING_TABLE": data.messaging.table_name,
                "AUDIT_TABLE": data.audit.table_name,
                "SWEEP_AFTER_S": str(stage.sweep_after_s),
                **self._telling,
                **self._signing,
                "HOOK_TIMEOUT_S": str(stage.hook_timeout_s),
                "HOOK_RETRIES_S": stage.hook_retries_s,
                "HOOK_REST_S": str(stage.hook_rest_s),
                "HOOK_GIVE_UP_S": str(stage.hook_give_up_s),
                "ANNOUNCEMENTS_QUEUE_URL": self._announcements.url,
            },
        )
        data.messaging.grant(teller, *READ, *WRITE)
        data.audit.grant(teller, *PUT)
        data.hooks.grant_read(teller)
        self.hooks.grant_send(teller)
        self._announcements.grant_send(teller)
        # One at a time: each may wait for a customer's system for as long as it is let.
        self.hooks.feed(teller, batch_size=1, concurrency=_HOOKS_CONCURRENCY)
        return teller

    def _split(self) -> Function:
        data, stage = self._data, self._house.stage
        splitter = Function(
            self,
            "Splitter",
            handler="functions.sms.splitter.handler",
            house=self._house,
            memory_mb=_SPLITTER_MEMORY_MB,
            timeout_s=_SPLITTER_TIMEOUT_S,
            environment={
                **self._files,
                "QUOTE_VALIDITY_S": str(stage.quote_validity_s),
                "UPLOADS_QUEUE_URL": self.uploads.url,
            },
        )
        data.messaging.grant(splitter, *READ, *WRITE)
        self._campaigns.grant_get(splitter)
        self._campaigns.grant_put(splitter)
        self.uploads.grant_send(splitter)
        self.uploads.feed(splitter, batch_size=1, concurrency=_SPLITTER_CONCURRENCY)
        self._campaigns.tell(self.uploads, prefix="uploads/")
        self._campaigns.take_forms(stage)
        return splitter

    def _write_results(self) -> Function:
        data, stage = self._data, self._house.stage
        scribe = Function(
            self,
            "Scribe",
            handler="functions.sms.scribe.handler",
            house=self._house,
            memory_mb=_SPLITTER_MEMORY_MB,
            timeout_s=_SCRIBE_TIMEOUT_S,
            environment={
                **self._files,
                "OWED_ENDINGS": stage.owed_endings,
                "RESULTS_QUEUE_URL": self.results.url,
            },
        )
        data.messaging.grant(scribe, *READ, *WRITE)
        self._campaigns.grant_get(scribe)
        self._campaigns.grant_put(scribe)
        self.results.grant_send(scribe)
        self.results.feed(scribe, batch_size=1, concurrency=_SCRIBE_CONCURRENCY)
        return scribe

    def _notify(self) -> Function:
        data, stage = self._data, self._house.stage
        notifier = Function(
            self,
            "Notifier",
            handler="functions.sms.notices.handler",
            house=self._house,
            timeout_s=_NOTICES_TIMEOUT_S,
            environment={
                **self._tables,
                **self._lanes,
                "ACCESS_TABLE": data.access.table_name,
                "URGENT_RECIPIENTS_MAX": str(stage.urgent_recipients_max),
                "MAIL_FROM": stage.mail_from,
            },
        )
        data.access.grant(notifier, *GET)
        data.messaging.grant(notifier, *READ, *WRITE, *DELETE)
        data.ledger.grant(notifier, *READ, *WRITE)
        self.urgent.grant_send(notifier)
        self.bulk.grant_send(notifier)
        if stage.mail_from:
            identity = Stack.of(self).format_arn(service="ses", resource="identity", resource_name=stage.mail_from)
            iam.Grant.add_to_principal(grantee=notifier, actions=["ses:SendEmail"], resource_arns=[identity])
        self.notices.feed(notifier, batch_size=_NOTICES_PER_BATCH)
        return notifier

    def _privacy(self, exports: Bucket) -> Privacy:
        data = self._data
        privacy = Privacy(
            self,
            "Privacy",
            slice_name="sms",
            house=self._house,
            access=data.access,
            exports=exports,
            environment=self._tables,
        )
        data.messaging.grant(privacy.worker, *READ, *UPDATE, *DELETE)
        return privacy


def _longest(name: str, *, minutes: int) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="Mifumo",
        metric_name=name,
        dimensions_map={"service": "sms"},
        statistic="Maximum",
        period=Duration.minutes(minutes),
    )
