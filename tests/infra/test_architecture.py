"""The page of the architecture: its table of functions is what is deployed, with all that each is given."""

import re

import pytest

from tests.infra.reading import functions
from tests.infra.templates import ROOT

_ROW = re.compile(r"^\| `(functions\.[\w.]+)` \|(.*)\|(.*)\|$", re.MULTILINE)
# How the page calls what a variable names; any of them will do.
_WORDS = {
    "ACCOUNTS_TABLE": ["accounts"],
    "ACCESS_TABLE": ["access"],
    "AUDIT_TABLE": ["audit"],
    "MESSAGING_TABLE": ["messaging"],
    "LEDGER_TABLE": ["ledger", "provider terms"],
    "CAMPAIGNS_BUCKET": ["campaigns"],
    "EXPORTS_BUCKET": ["exports"],
    "DOCUMENTS_BUCKET": ["documents"],
    "SIGNING_KEYS_SECRET": ["signing keys"],
    "IDENTITY_SECRET": ["the identity secret"],
    "HOOKS_SECRET": ["the webhooks' secret"],
    "REPEATS_SECRET": ["the secret of repeats"],
    "BEEM_SECRET": ["Beem's secret"],
    "ZENOPAY_SECRET": ["payment providers' secrets"],
    "PAWAPAY_SECRET": ["payment providers' secrets"],
    "CLICKPESA_SECRET": ["payment providers' secrets"],
    "URGENT_QUEUE_URL": ["both lanes"],
    "BULK_QUEUE_URL": ["both lanes"],
    "SCHEDULES_GROUP": ["schedules"],
    "AUTH_PRIVACY_QUEUE_URL": ["its own queue", "the queues of data requests"],
    "SMS_PRIVACY_QUEUE_URL": ["its own queue", "the queues of data requests"],
    "BILLING_PRIVACY_QUEUE_URL": ["its own queue", "the queues of data requests"],
}
_KINDS = ("_TABLE", "_BUCKET", "_SECRET", "_QUEUE_URL", "_GROUP")


def rows() -> dict[str, str]:
    """Returns what the page says that each function may touch."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    found = [(handler, touches) for handler, _, touches in _ROW.findall(page)]
    assert len(found) == len(dict(found)), "a handler has two rows"
    return dict(found)


def test_every_function_has_a_row_and_every_row_a_function() -> None:
    assert set(rows()) == {handler.removesuffix(".handler") for handler in functions("prod")}


@pytest.mark.parametrize("handler", sorted(rows()))
def test_a_row_names_all_that_its_function_is_given(handler: str) -> None:
    """Tables, buckets, secrets and queues stand in its environment under names of their kind."""
    variables = functions("prod")[f"{handler}.handler"]["Environment"]["Variables"]
    given = [name for name in variables if name.endswith(_KINDS)]
    touches = rows()[handler]
    for name in given:
        words = _WORDS.get(name, [f"`{name.removesuffix('_QUEUE_URL').lower()}`"])
        assert any(word in touches for word in words), f"{name}: one of {words}"
