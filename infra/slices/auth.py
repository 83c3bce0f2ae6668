"""The auth slice: accounts, sessions and tenants over HTTP, the API's manual, and the answer to unknown paths."""

from constructs import Construct

from infra.data import Data
from infra.parts.function import Function
from infra.parts.house import House
from infra.parts.limits import rates
from infra.parts.queue import Queue
from infra.parts.table import DELETE, PUT, READ, WRITE

_ANNOUNCER_TIMEOUT_S = 30
_ANNOUNCEMENTS_PER_BATCH = 10


class Auth(Construct):
    def __init__(self, scope: Construct, name: str, *, house: House, data: Data, notices: Queue) -> None:
        super().__init__(scope, name)
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
                **rates(house.stage),
                "TENANT_REOPEN_WITHIN_S": str(house.stage.tenant_reopen_within_s),
                "AUTH_ATTEMPTS_PER_IP": str(house.stage.auth_attempts_per_ip),
            },
        )
        data.accounts.grant(self.api, *READ, *WRITE, *DELETE)
        data.access.grant(self.api, *READ, *WRITE, *DELETE)
        data.audit.grant(self.api, *READ, *PUT)
        data.signing_keys.grant_read(self.api)
        data.identity.grant_read(self.api)
        notices.grant_send(self.api)
        house.api.route("/api/auth/{proxy+}", self.api)
        house.api.route("/api/tenant/{proxy+}", self.api)
        house.api.route("/api/admin/auth/{proxy+}", self.api)
        house.api.route("/api/docs", self.api)
        house.api.route("/api/docs/{proxy+}", self.api)
        house.api.route("$default", self.api)
        self.announcements = Queue(self, "Announcements", house=house, consumer_timeout_s=_ANNOUNCER_TIMEOUT_S)
        self.announcer = Function(
            self,
            "Announcer",
            handler="functions.auth.announcer.handler",
            house=house,
            timeout_s=_ANNOUNCER_TIMEOUT_S,
            environment={
                "ACCOUNTS_TABLE": data.accounts.table_name,
                "ACCESS_TABLE": data.access.table_name,
                "NOTICES_QUEUE_URL": notices.url,
            },
        )
        data.accounts.grant(self.announcer, *READ)
        data.access.grant(self.announcer, *READ)
        notices.grant_send(self.announcer)
        self.announcements.feed(self.announcer, batch_size=_ANNOUNCEMENTS_PER_BATCH)
