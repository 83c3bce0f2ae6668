"""Profile: what users say of themselves: names, language, time zone, and a new phone until it is verified."""

from mifumo import writes
from mifumo.errors import InvalidCredentials
from mifumo.ids import UserId

from . import users
from .accounts import AccountsSettings


def amend(user: UserId, changes: dict[str, str]) -> None:
    """Changes the given attributes, of those a user may change; an empty one is taken away.

    The number on file stays until the new one is verified: `pending_phone` is where it waits.
    """
    kept = {name: value for name, value in changes.items() if value}
    cleared = [f"#{name}" for name in changes if name not in kept]
    expression = ("SET " + ", ".join(f"#{name} = :{name}" for name in kept)) if kept else ""
    if cleared:
        expression += " REMOVE " + ", ".join(cleared)
    writes.commit(
        writes.update(
            AccountsSettings.load().accounts_table,
            users.key(user),
            expression.strip(),
            condition="attribute_exists(pk)",
            names={f"#{name}": name for name in changes},
            values={f":{name}": value for name, value in kept.items()},
            refused=lambda _: InvalidCredentials("This account is no longer active."),
        )
    )
