"""The auth slice: accounts, sessions and tenants over HTTP, the API's manual, and the answer to unknown paths."""

from constructs import Construct

from infra.data import Data
from infra.parts.function import Function
from infra.parts.house import House
from infra.parts.table import DELETE, READ, WRITE


class Auth(Construct):
    def __init__(self, scope: Construct, name: str, *, house: House, data: Data) -> None:
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
                "SIGNING_KEYS_SECRET": data.signing_keys.arn,
                "AUTH_ATTEMPTS_PER_IP": str(house.stage.auth_attempts_per_ip),
            },
        )
        data.accounts.grant(self.api, *READ, *WRITE, *DELETE)
        data.access.grant(self.api, *READ, *WRITE, *DELETE)
        data.signing_keys.grant_read(self.api)
        house.api.route("/api/auth/{proxy+}", self.api)
        house.api.route("/api/tenant/{proxy+}", self.api)
        house.api.route("/api/admin/auth/{proxy+}", self.api)
        house.api.route("/api/docs", self.api)
        house.api.route("/api/docs/{proxy+}", self.api)
        house.api.route("$default", self.api)
