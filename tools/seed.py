"""Seed: Mifumo Labs, its four users and its opening credits, and the platform's own account that codes are sent from.

It runs in any stage and as often as you like. Packages, plan and the platform's ten sender IDs are code
(`mifumo.packages`, the billing catalogue), so every stage has them from its deployment. Ids and the ledger's names for
the credits are derived: what a first run has made, a second one finds. A password is told once, when it is made.
"""

import argparse
import contextlib
import os
import secrets
import sys
from collections.abc import Iterator, Mapping

from functions.auth import logins, passwords, users
from functions.auth.users import Person
from mifumo import aws, ids, ledger, notices, settings, tenants, wallets, writes
from mifumo.errors import Conflict
from mifumo.ids import TenantId, UserId
from mifumo.ledger import AlreadyRecorded
from mifumo.permissions import Role
from mifumo.phone import Msisdn
from tools import stacks
from tools.stacks import StackError

TENANT = TenantId(ids.derived("seed", "tenant", "mifumo-labs"))
OPENING_CREDITS = 1_000
# What codes, invitations and warnings may cost before somebody looks: an alarm rings when it is used up.
NOTICE_CREDITS = 10_000
# Invented people. The domain is reserved (RFC 2606), so nobody can receive their mail.
_PEOPLE = {
    Role.OWNER: Person("owner@mifumolabs.example", Msisdn("+255700000001"), "Neema", "Mushi"),
    Role.ADMIN: Person("admin@mifumolabs.example", Msisdn("+255700000002"), "Baraka", "Mollel"),
    Role.AGENT: Person("agent@mifumolabs.example", Msisdn("+255700000003"), "Zawadi", "Juma"),
    Role.STAFF: Person("staff@mifumolabs.example", Msisdn("+255700000004"), "Imani", "Komba"),
}
# What the nouns ask the environment for, by the data stack's outputs.
_OUTPUTS = {
    "ACCOUNTS_TABLE": "AccountsTable",
    "ACCESS_TABLE": "AccessTable",
    "LEDGER_TABLE": "LedgerTable",
    "AUDIT_TABLE": "AuditTable",
}


def seed(
    outputs: Mapping[str, str], *, endpoint_url: str | None = None, reset_passwords: bool = False
) -> dict[str, dict[str, str]]:
    """Seeds the stage whose stacks have these outputs; returns each role's e-mail and password.

    The password is empty for a user who existed, unless it was to be reset.
    """
    with _environment(outputs, endpoint_url):
        with contextlib.suppress(Conflict):
            writes.commit(tenants.put(TENANT, "Mifumo Labs", verified=True))
        logins = {
            role.value: {"email": person.email, "password": _join(role, person, reset_password=reset_passwords)}
            for role, person in _PEOPLE.items()
        }
        _credit(TENANT, OPENING_CREDITS, reason="Opening credits of the seeded tenant")
        with contextlib.suppress(Conflict):
            writes.commit(tenants.put(notices.PLATFORM, "Mifumo notices", verified=True))
        _credit(notices.PLATFORM, NOTICE_CREDITS, reason="Budget for the platform's own notices")
        return logins


def _join(role: Role, person: Person, *, reset_password: bool) -> str:
    """Makes the user unless there is one; returns the password if this made it."""
    user, password = UserId(ids.derived("seed", "user", role.value)), secrets.token_urlsafe(18)
    known = logins.read(person.email)
    if known is None:
        _, joined = users.join(person, password_hash=passwords.digest(password), user=user, tenant=TENANT, role=role)
        writes.transact(*joined)
        return password
    if known.user_id != user:
        raise SeedError(f"{person.email} was registered by somebody else on this stage.")
    if not reset_password:
        return ""
    writes.commit(logins.change_password(known, password))
    return password


def _credit(tenant: TenantId, amount: int, *, reason: str) -> None:
    """Gives a tenant its first credits, under a name that the ledger takes once."""
    with contextlib.suppress(AlreadyRecorded):
        ledger.move(
            wallets.read(tenant),
            lambda wallet: ledger.adjust(
                wallet, amount, name=f"seed:{tenant}:opening", reference="seed", reason=reason, actor="seed"
            ),
        )


class SeedError(Exception):
    """The stage is not one that can be seeded; the message says why."""


@contextlib.contextmanager
def _environment(outputs: Mapping[str, str], endpoint_url: str | None) -> Iterator[None]:
    """Lends the process the environment of a function of that stage."""
    missing = [output for output in _OUTPUTS.values() if output not in outputs]
    if missing:
        raise SeedError(f"The stage has no output {', '.join(missing)}: deploy it first.")
    lent = {variable: outputs[output] for variable, output in _OUTPUTS.items()}
    # The numbers are invented, and may be somebody's: nobody gets into a seeded account by holding one.
    lent["CONTACTS_PREVERIFIED"] = "False"
    if endpoint_url:
        lent["AWS_ENDPOINT_URL"] = endpoint_url
    before = {variable: os.environ.get(variable) for variable in lent}
    os.environ.update(lent)
    _forget()
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value
        _forget()


def _forget() -> None:
    settings.forget()
    aws.forget()


def main(arguments: list[str] | None = None) -> None:
    """Seeds the stage that is named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.seed", description="Seed a deployed stage.")
    parser.add_argument("--stage", required=True, help="as it was deployed: dev, prod")
    parser.add_argument("--reset-passwords", action="store_true", help="give the four users new passwords")
    chosen = parser.parse_args(arguments)
    try:
        logins = seed(stacks.outputs(chosen.stage), reset_passwords=chosen.reset_passwords)
    except (SeedError, StackError) as error:
        sys.exit(str(error))
    for role, login in logins.items():
        print(f"{role:6} {login['email']:26} {login['password'] or '(exists; --reset-passwords makes a new one)'}")
    print("A password is shown this once.")


if __name__ == "__main__":
    main()
