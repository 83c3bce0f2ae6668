"""The auth slice: accounts, sessions and tenants over HTTP, the API's manual, and the answer to unknown paths."""

from collections.abc import Sequence

from constructs import Construct

from infra.data import Data
from infra.parts.bucket import Bucket
from infra.parts.function import Function
from infra.parts.house import House
from infra.parts.limits import rates
from infra.parts.privacy import Privacy
from infra.parts.queue import Queue
from infra.parts.schedule import EveryMinute
from infra.parts.table import DELETE, GET, PUT, QUERY, READ, WRITE

ANNOUNCER_TIMEOUT_S = 30
_ANNOUNCEMENTS_PER_BATCH = 10
_SWEEP_TIMEOUT_S = 55  # done before the next one starts
_ALARMS = {"SweepStepFailed": "A tenant that was closed could not be cleared: the log of the sweep names it"}


class Auth(Construct):
    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        house: House,
        data: Data,
        exports: Bucket,
        notices: Queue,
        announcements: Queue,
        privacies: Sequence[Privacy],
    ) -> None:
        super().__init__(scope, name)
        self.privacy = Privacy(
            self,
            "Privacy",
            slice_name="auth",
            house=house,
            access=data.access,
            exports=exports,
            environment={"ACCOUNTS_TABLE": data.accounts.table_name, "AUDIT_TABLE": data.audit.table_name},
        )
        data.accounts.grant(self.privacy.worker, *READ)
        data.access.grant(self.privacy.worker, *GET)
        data.access.grant_leading(self.privacy.worker, ["T#*"], *QUERY)
        data.audit.grant(self.privacy.worker, *READ)
        self.api = Function(
            self,
            "Api",
            handler="functions.auth.api.handler",
            house=house,
            memory_mb=1024,  # a password hash is CPU time, and a function's CPU grows with its memory
            environment={
                "ACCOUNTS_TABLE": data.accounts.table_name,
                "ACCESS_TABLE": data.access.table_name,
                "AUDIT_TABLE": data.audit.table_name,
                "SIGNING_KEYS_SECRET": data.signing_keys.arn,
                "IDENTITY_SECRET": data.identity.arn,
                "NOTICES_QUEUE_URL": notices.url,
                "CONTACTS_PREVERIFIED": str(house.stage.contacts_preverified),
                "SECOND_FACTOR_FOR_STAFF": str(house.stage.second_factor_for_staff),
                "CONSOLE_URL": house.stage.console_url,
                "MAIL_FROM": house.stage.mail_from,
                **{privacy.variable: privacy.queue.url for privacy in (self.privacy, *privacies)},
                "EXPORTS_BUCKET": exports.bucket_name,
                **rates(house.stage),
                "TENANT_REOPEN_WITHIN_S": str(house.stage.tenant_reopen_within_s),
                "AUTH_ATTEMPTS_PER_IP": str(house.stage.auth_attempts_per_ip),
            },
        )
        self.sweep = self._sweep(house, data, privacies)
        self.announcer = self._announce(house, data, announcements, notices)
        data.accounts.grant(self.api, *READ, *WRITE, *DELETE)
        data.access.grant(self.api, *READ, *WRITE, *DELETE)
        data.audit.grant(self.api, *READ, *PUT)
        data.signing_keys.grant_read(self.api)
        data.identity.grant_read(self.api)
        exports.grant_get(self.api)
        notices.grant_send(self.api)
        for privacy in (self.privacy, *privacies):
            privacy.queue.grant_send(self.api)
        house.api.route("/api/auth/{proxy+}", self.api)
        house.api.route("/api/tenant/{proxy+}", self.api)
        house.api.route("/api/admin/auth/{proxy+}", self.api)
        house.api.route("/api/docs", self.api)
        house.api.route("/api/docs/{proxy+}", self.api)
        house.api.route("$default", self.api)
        house.alerts.ring(scope=self, service="auth", meanings=_ALARMS)

    def _sweep(self, house: House, data: Data, privacies: Sequence[Privacy]) -> Function:
        sweep = Function(
            self,
            "Sweep",
            handler="functions.auth.sweep.handler",
            house=house,
            timeout_s=_SWEEP_TIMEOUT_S,
            environment={
                "ACCESS_TABLE": data.access.table_name,
                "AUDIT_TABLE": data.audit.table_name,
                **{privacy.variable: privacy.queue.url for privacy in privacies},
            },
        )
        data.access.grant(sweep, *GET, *WRITE, *DELETE)
        data.access.grant_leading(sweep, ["T#*", "CLOSINGS"], *QUERY)
        data.audit.grant(sweep, *PUT)
        for privacy in privacies:
            privacy.queue.grant_send(sweep)
        EveryMinute(self, "SweepSchedule", function=sweep, house=house)
        return sweep

    def _announce(self, house: House, data: Data, announcements: Queue, notices: Queue) -> Function:
        announcer = Function(
            self,
            "Announcer",
            handler="functions.auth.announcer.handler",
            house=house,
            timeout_s=ANNOUNCER_TIMEOUT_S,
            environment={
                "ACCOUNTS_TABLE": data.accounts.table_name,
                "ACCESS_TABLE": data.access.table_name,
                "NOTICES_QUEUE_URL": notices.url,
            },
        )
        data.accounts.grant(announcer, *READ)
        data.access.grant(announcer, *GET)
        notices.grant_send(announcer)
        announcements.feed(announcer, batch_size=_ANNOUNCEMENTS_PER_BATCH)
        return announcer
