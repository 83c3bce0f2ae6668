"""The permission table in words: who may do what, and by which routes. `python -m tools.permissions` writes it down."""

import sys
from collections import defaultdict
from collections.abc import Iterator

from aws_lambda_powertools.event_handler.openapi.exceptions import OpenAPIMergeError

from mifumo.permissions import RULES, Role, Scope
from tools import openapi
from tools.openapi_schemas import ContractError, Schema

PLACE = openapi.ROOT / "docs" / "permissions.md"
_PUBLIC = ""
_HEAD = """\
# Permissions

`make openapi` writes this page from `layers/common/python/mifumo/permissions.py` and from the routes, and a test
compares them: change those. Every route is one action, or it is public. The roles of a tenant act in their own tenant
and nowhere else: another tenant's things answer 404. `support` and `staff` are the platform's own people. An API key
may do what its scopes allow, and never what has no scope.

"""
_WITHIN = """
Some things an action still depends on. An admin changes, suspends and removes admins and agents, not owners, and
makes nobody an owner. The last active owner can be neither removed, suspended nor demoted. A test key may have no
scope but `sms:send`, `sms:read` and `billing:read`. It sends tests, leads tests and deletes uploads of test keys,
gets 403 for live ones, and reads what is live. Who has to set up a second factor may do nothing but "own account"
until it is there. A suspended tenant reads, and neither sends nor pays.

## The routes of each action
"""


def main() -> None:
    """Writes the table to docs/permissions.md."""
    try:
        page = text()
    except (ContractError, OpenAPIMergeError) as error:
        sys.exit(f"The table cannot be written: {error}")
    PLACE.write_text(page, encoding="utf-8")
    print(f"Wrote {PLACE.relative_to(openapi.ROOT)}.")


def text() -> str:
    """Returns the page as it is committed."""
    return "\n".join((_HEAD + "\n".join(_matrix()), _WITHIN, *_routes(openapi.document()))) + "\n"


def _matrix() -> Iterator[str]:
    yield _row("action", *Role, "API key with")
    yield _row("---", *[":-:" for _ in Role], "---")
    for action, rule in RULES.items():
        yield _row(action, *("✓" if role in rule.roles else "–" for role in Role), _scope(rule.scope))


def _scope(scope: Scope | None) -> str:
    return f"`{scope}`" if scope else "–"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _routes(document: Schema) -> Iterator[str]:
    by_action = routes_by_action(document)
    yield _row("action", "routes")
    yield _row("---", "---")
    for action in RULES:
        yield _row(action, "<br>".join(by_action[action]) or "none yet")
    yield _row("public: anybody, without a token", "<br>".join(by_action[_PUBLIC]))


def routes_by_action(document: Schema) -> dict[str, list[str]]:
    """Lists the routes of each action, and the public ones under the empty name."""
    routes: dict[str, list[str]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            routes[operation.get("x-action", _PUBLIC)].append(f"`{method.upper()} {path}`")
    return routes


if __name__ == "__main__":
    main()
