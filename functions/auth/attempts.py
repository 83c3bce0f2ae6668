"""Attempt: one try to show that one knows an account's password, and its second factor.

It is one read of what judges it, one hash on every path that gets so far, and one conditional write before any answer
that says more than another attempt's: parallel guesses get no more answers than guesses one by one.
"""

import contextlib
from dataclasses import dataclass
from typing import NoReturn

from mifumo import audit, tables, writes
from mifumo.aws import Item
from mifumo.errors import InvalidCredentials
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.writes import Write

from . import passwords, throttles
from .accounts import AccountsSettings
from .logins import Login
from .second_factor import Factor, SecondFactorRequired
from .throttles import Throttle, ToldAlready


@dataclass(frozen=True, slots=True)
class Attempt:
    """The room that one address and one account have for failures; `wrong` is what a failure is answered with."""

    address: Throttle
    account: Throttle
    wrong: str

    @classmethod
    def at(cls, email: str, *, source_ip: str, wrong: str) -> "Attempt":
        """Makes the attempt of an address at an account, whether or not there is one."""
        return cls(throttles.of_address("login", source_ip), throttles.of_account("login", email), wrong)

    def read(self, *more: Key) -> dict[Key, Item]:
        """Reads what judges the attempt, and more of the accounts table, in one call."""
        table = AccountsSettings.load().accounts_table
        found = tables.read(*((table, key) for key in (self.address.key, self.account.key, *more)))
        return {key: item for (_, key), item in found.items()}

    def prove(self, found: dict[Key, Item], login: Login | None, password: str) -> Login:
        """Returns the login if this is its password.

        Raises Throttled, and InvalidCredentials, which is counted. An account without room costs its hash like any
        other, so that time does not tell which accounts are being attacked; an address without room costs none.
        """
        self.address.require_room(found.get(self.address.key))
        right = passwords.matches(password, login.password_hash if login else None)
        self._require_room(found.get(self.account.key), login)
        if login is None or not right:
            self.fail()
        return login

    def _require_room(self, counter: Item | None, login: Login | None) -> None:
        """Raises Throttled for an account without room, and tells its tenant once, in the same calls for nobody's."""
        if self.account.is_used_up(counter) and "told" not in (counter or {}):
            with contextlib.suppress(ToldAlready):
                writes.transact(self.account.tell(), *_locked(login))
        self.account.require_room(counter)

    def spend(self, factor: Factor | None, code: str | None, *, tenant: TenantId) -> list[Write]:
        """Returns the writes that use up the code of a factor that is on.

        Raises SecondFactorRequired without a code, which is counted for the account until one that is right forgives
        it; a wrong one is a wrong password.
        """
        if factor is None or not factor.on:
            return []
        if code is None:
            writes.commit(self.account.attempt())
            raise SecondFactorRequired("Send it as `second_factor`; a recovery code will do as well.")
        return factor.spend(code, tenant=tenant) or self.fail()

    def fail(self) -> NoReturn:
        """Counts a failure and refuses with InvalidCredentials; with Throttled when no attempt was left."""
        writes.transact(self.address.attempt(), self.account.attempt())
        raise InvalidCredentials(self.wrong)

    def forgive(self) -> Write:
        """Forgets the account's failures; refuses with Throttled when they had used up the window meanwhile."""
        return self.account.forgive()


def _locked(login: Login | None) -> list[Write]:
    if login is None:
        return []
    return [audit.entry_by(login.tenant_id, "account.locked", actor=login.user_id, target=login.user_id)]
