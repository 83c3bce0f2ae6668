"""The page of the architecture: its table of functions is what is deployed, with all that each is given."""

import ast
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
_SOURCES = [ROOT / "functions", ROOT / "layers/common/python/mifumo"]
_KINDS = ("_TABLE", "_BUCKET", "_SECRET", "_QUEUE_URL", "_GROUP")


def page() -> str:
    """Reads the page without its picture."""
    return re.sub("```.*?```", "", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def rows() -> dict[str, str]:
    """Returns what the page says that each function may touch."""
    found = [(handler, touches) for handler, _, touches in _ROW.findall(page())]
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


def test_every_file_and_every_verb_that_the_page_names_is_there() -> None:
    files = set(re.findall(r"`([\w/]+\.py)`", page()))
    homes = [ROOT, ROOT / "functions/sms", ROOT / "layers/common/python", ROOT / "layers/common/python/mifumo"]
    assert {file for file in files if not any((home / file).is_file() for home in homes)} == set()
    verbs = set(re.findall(r"`([a-z_]+)\.([a-z_]+)`", page()))
    assert len(verbs) > 10
    assert {f"{noun}.{verb}" for noun, verb in verbs if verb not in said(noun) | {"py", "toml"}} == set()


def said(noun: str) -> set[str]:
    """Names what the files of a noun define, and the nouns in its folder, if it has one."""
    found = set[str]()
    for source in _SOURCES:
        for path in source.rglob(f"{noun}.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        folders = [folder for folder in (source, *source.rglob(noun)) if folder.name == noun and folder.is_dir()]
        found |= {path.stem for folder in folders for path in folder.glob("*.py")}
    return found
