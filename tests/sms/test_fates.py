"""The fate of every kind of item: whether an export tells of it, and what an erasure and a clearance leave of it.

A function that makes a key, or an item in the table, that has no fate here is a kind that somebody has forgotten.
"""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from functions.sms import messaging, privacy
from functions.sms.batches import chunks
from functions.sms.data_requests import extracts
from functions.sms.delivery import inbox
from functions.sms.results import transcribing
from functions.sms.sending import reruns
from mifumo import aws, ids, writes
from mifumo import privacy as requests
from mifumo.ids import BatchId
from mifumo.privacy import Kind, Part, State, Step
from mifumo.providers import beem_reports
from tests.builders import token
from tests.sms import files
from tests.sms.test_erasure import DIGITS, GONE, STAYS, adjust
from tests.sms.test_export import rows
from tests.sms.test_inbound_told import take, texted
from tests.sms.test_quoted import send
from tests.sms.test_results import ask
from tests.sms.told import Told
from tests.sms.world import TENANT
from tests.steps import Steps, asked_to_forget

SLICE = Path(__file__).parents[2] / "functions" / "sms"
NAME = "Asha"
# As they are written, and as they are kept.
FORGOTTEN, OTHER, NAMES = ("712000010", "712 000 010"), ("712000011",), (NAME, NAME.casefold())
_TENANT, _BATCH = "T#t1", "T#t1#B#[^#]+"


@dataclass(frozen=True)
class Fate:
    """What becomes of items of a kind.

    `told`: the source of the export that tells of it, or in words why none does. `people`: it holds a number or a text.
    `erased`: it stays as it is when a number is erased. `cleared`: it goes when the tenant is cleared; what stays holds
    nobody. `apart`: why a tenant's story has none.
    """

    pk: str
    sk: str
    told: str
    people: bool = False
    erased: bool = True
    cleared: bool = False
    apart: str = ""


_COUNTS = "it counts what is told with batches and messages"
_WAY = "it is how we find what is told with batches and messages"
_HASHES = "it is hashes that say for half an hour what was sent"
_OURS = "it is the platform's"

FATES = {
    "account.KEY": Fate("PLATFORM", "ACCOUNT#beem", _OURS, apart="the hourly check-up writes it"),
    "allowance.key": Fate("USED#DAY#t1", "DAY#.*", _COUNTS, apart="it is in the table `access`"),
    "arrivals.key": Fate(r"CAME#beem#\d+", "[0-9a-z]{26}", "it is told as an event", people=True, cleared=True),
    "batches.key": Fate(_TENANT, "BATCH#[^#]+", "batches", people=True),
    "batches.refused_key": Fate(_TENANT, "REFUSED#.+", "batches", people=True, cleared=True),
    "batches._progress_key": Fate(_BATCH, "PROGRESS", "batches"),
    "chunks.key": Fate(_BATCH, r"CHUNK#\d+", "messages", people=True),
    "circuit.KEY": Fate("PLATFORM", "CIRCUIT#beem", _OURS),
    "contact_words._place": Fate("T#t1#CONTACTWORDS", ".+", "contacts", people=True, cleared=True),
    "contacts.place": Fate("T#t1#CONTACTS", "[0-9a-z]{26}", "contacts", people=True, cleared=True),
    "events.key": Fate("T#t1#EVENTS", "[0-9a-z]{26}", "events", people=True, cleared=True),
    "figures.add": Fate("T#t1#DAYS", ".+", _COUNTS),
    "groups._joined": Fate("T#t1#GROUP#.+", "[0-9a-z]{26}", "contacts", people=True, cleared=True),
    "groups._forgotten": Fate("T#t1#GROUP#.+", "[0-9a-z]{26}", "contacts", people=True, cleared=True),
    "hook_deliveries.key": Fate("T#t1#H#.+", "[0-9a-z]{26}", "deliveries", cleared=True),
    "hooks.key": Fate("T#t1#HOOKS", "[0-9a-z]{26}", "webhooks", cleared=True),
    "inbox._key": Fate(r"INBOX#beem#\d+", ".+", _WAY, people=True, cleared=True),
    "laid.key": Fate(_BATCH, r"PART#\d+", _WAY),
    "listeners.key": Fate(_TENANT, "HOOKS", "it counts what is told as webhooks", cleared=True),
    "lost._key": Fate(r"LOST#beem#\d+", r"\d+", _WAY, people=True, cleared=True),
    "messages.key": Fate("T#t1#M#.+", r"\d{3}", "messages", people=True),
    "named.Kind.place": Fate("T#t1#(TEMPLATES|GROUPS)", "ID#.+", "templates", people=True, cleared=True),
    "named.Kind._name_place": Fate("T#t1#(TEMPLATES|GROUPS)", "NAME#.+", "templates", people=True, cleared=True),
    "news._told_key": Fate(_BATCH, "TOLD#.+", "it says which events there were"),
    "notices._key": Fate("NOTICE#.+", "NOTICE", _OURS, apart="the platform's letters leave it"),
    "opt_outs._key": Fate("T#t1#OPTOUTS", r"\d+", "opt_outs", people=True, erased=False, cleared=True),
    "opt_outs.last_key": Fate(_TENANT, "OPTOUTS#LAST", "it says when opt_outs were added last", cleared=True),
    "opt_outs._shard_key": Fate(_TENANT, r"OPTOUTS#\d\d", "opt_outs", people=True, erased=False, cleared=True),
    "pace._PLATFORM": Fate("PLATFORM", "PACE", _OURS, apart="nobody is slowed down here"),
    "pace._of": Fate(_TENANT, "PACE", _WAY, apart="nobody is slowed down here"),
    "parked._key": Fate(_TENANT, "PARKED#.+", "batches", people=True, cleared=True),
    "plans.key": Fate(_TENANT, "PLAN#.+", "uploads", people=True),
    "repeats._key": Fate("T#t1#SENT", "TEXT#.+", _HASHES, cleared=True),
    "reruns._parts": Fate("T#t1#SENT", "PARTS", _HASHES, cleared=True),
    "reckonings._key": Fate(_BATCH, r"RECKONED#\d+", _COUNTS),
    "results._key": Fate(_TENANT, "RESULTS#.+", "it is a file of what is told as messages"),
    "routes._key": Fate("REQUEST#beem#.+", "ROUTE", _WAY),
    "sender_ids._key": Fate(_TENANT, "SENDER#.+", "sender_ids"),
    "sender_ids.approved_key": Fate(_TENANT, "SENDERS", "sender_ids"),
    "sender_ids._owner_key": Fate("SENDERNAME#.+", "OWNER", "sender_ids"),
    "sender_ids._pointer_key": Fate("SENDERID#.+", "POINTER", "sender_ids"),
    "uploads.key": Fate("T#t1#UPLOADS", "[0-9a-z]{26}", "uploads", people=True, cleared=True),
}


def makers() -> set[str]:
    """Finds whatever makes a key: a call of `Key` with parts of its own, or an item with a `pk` written out."""
    found = set()
    for path in SLICE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        module = path.stem
        for top in tree.body:
            named: list[tuple[str, ast.AST]] = [(_name(top), top)]
            if isinstance(top, ast.ClassDef):
                named = [(f"{top.name}.{one.name}", one) for one in top.body if isinstance(one, ast.FunctionDef)]
            found |= {f"{module}.{name}" for name, node in named if any(map(_makes_key, ast.walk(node)))}
    return found


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    return str(getattr(node, "name", type(node).__name__))


def _makes_key(node: ast.AST) -> bool:
    if isinstance(node, ast.Dict):
        return any(isinstance(key, ast.Constant) and key.value == "pk" for key in node.keys)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "Key":
        return False
    return not all(isinstance(part, ast.Subscript) for part in node.args)  # read from an item


def test_whatever_makes_a_key_has_a_fate_and_no_fate_is_of_what_is_gone() -> None:
    assert makers() == set(FATES)


def test_whatever_has_a_key_stands_in_the_page_of_the_architecture() -> None:
    page = (SLICE.parents[1] / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition("`messaging`, for tenant")[2].partition("`ledger`, for tenant")[0]
    kept = [fate for fate in FATES.values() if "`access`" not in fate.apart]
    words = {word for fate in kept for word in re.findall("[A-Z]{2,}", f"{fate.pk} {fate.sk}")}
    assert {word for word in words if word not in table} == set()


def test_what_is_told_is_told_by_a_source_and_every_source_is_of_something() -> None:
    sources = {source.name for source in extracts.SOURCES}
    told = {fate.told for fate in FATES.values()}
    assert sources - told == {"groups"}, "groups stand where templates do"
    assert all(" " in one for one in told - sources), "what is not told has a reason"


@dataclass(frozen=True)
class Kept:
    """What the table holds: items by their kind, as text, with the numbers of chunks as they are read."""

    kinds: dict[str, list[str]]

    @classmethod
    def now(cls) -> "Kept":
        """Reads the table; an item that no fate knows, or two do, ends the test."""
        kinds: dict[str, list[str]] = {}
        scanned = aws.dynamodb().scan(TableName=messaging.table())
        assert "LastEvaluatedKey" not in scanned
        for item in map(aws.unmarshal, scanned["Items"]):
            if "recipients" in item and item["sk"].startswith("CHUNK#"):
                item["recipients"] = chunks.of(item).recipients
            known = {name for name, fate in FATES.items() if _is(item, fate)}
            assert len({(FATES[name].pk, FATES[name].sk) for name in known}) == 1, (item["pk"], item["sk"], known)
            for name in known:
                kinds.setdefault(name, []).append(json.dumps(item, default=repr, ensure_ascii=False))
        return cls(kinds)

    def holding(self, *words: str) -> set[str]:
        """Tells which kinds have an item that holds one of the words."""
        return {name for name, items in self.kinds.items() if any(word in one for one in items for word in words)}


def _is(item: dict[str, Any], fate: Fate) -> bool:
    return bool(re.fullmatch(fate.pk, item["pk"]) and re.fullmatch(fate.sk, item["sk"]))


def made(told: Told, method: str, path: str, body: Any = None, **more: Any) -> Any:
    status, answer = told.world.call(method, path, body, **more)
    assert status < 300, answer
    return answer


def story(told: Told, bucket: str) -> list[Kept]:
    """Lets a tenant do all that leaves something; returns what was kept by and by."""
    world, kept = told.world, list[Kept]()
    told.listen()
    name = made(
        told, "POST", "/api/sms/sender-ids/", {"name": "Quantum", "purpose": "Taarifa kwa wateja", "sample": "x"}
    )
    staff = token(tenant="p", role="staff")
    made(told, "POST", f"/api/admin/sms/sender-ids/{name['id']}/approve/", token=staff)
    made(told, "POST", "/api/sms/templates/", {"name": "Deni", "category": "alert", "body": f"Ndugu {NAME}"})
    group = made(told, "POST", "/api/sms/groups/", {"name": f"Wa {NAME}"})
    contact = made(told, "POST", "/api/sms/contacts/", {"phone": GONE, "name": f"Bi {NAME}"})
    made(told, "POST", f"/api/sms/groups/{group['id']}/members/", {"contact_ids": [contact["id"]]})
    made(told, "POST", "/api/sms/opt-outs/", {"phone": STAYS})
    world.beem.add_fault("http_500")
    lost = told.sent(GONE, text=f"Ndugu {NAME}")
    chunk = chunks.get(TENANT, BatchId(lost), 1)
    assert chunk
    world.sweep(after_s=46)
    report = {
        "request_id": "999",
        "recipient_id": chunk.recipient_ids[0][0],
        "dest_addr": DIGITS,
        "Status": "DELIVERED",
    }
    inbox.keep(beem_reports.parse(report))
    world.pass_time(60)
    together = told.sent(GONE, "0712 000 010", "0713000011", text=f"Ndugu {NAME}")
    world.receive(expected=2)
    take(texted(f"Mimi ni {NAME}"))
    upload = files.quoted(world, bucket, f"phone,name\n{GONE},{NAME}\n+{DIGITS},{NAME}\n", text=f"Ndugu {NAME}")
    status, batch = send(world, upload["id"])
    assert status == 202, batch
    world.lay()
    world.work()
    world.receive(expected=1)
    ask(world, {"id": together})
    told.work()
    adjust(-world.wallet()[0])
    _, waiting = world.send(GONE, text=f"Ndugu {NAME}", park=True)
    kept.append(Kept.now())
    made(told, "POST", f"/api/sms/batches/{waiting['id']}/cancel/")
    world.settle_down()
    told.later(120)
    return [*kept, Kept.now()]


@pytest.fixture
def steps(told: Told, exports_bucket: str) -> Steps:
    """The worker and its queue."""
    return Steps(Part.SMS, privacy.handler)


def test_every_kind_is_told_forgotten_and_cleared_as_its_fate_says(
    told: Told, steps: Steps, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcribing, "AT_ONCE_MAX", 0)
    monkeypatch.setattr(reruns, "_EACH_MAX", 0)
    kept = story(told, campaigns_bucket)
    assert {kind for one in kept for kind in one.kinds} == {kind for kind, fate in FATES.items() if not fate.apart}
    people = {kind for one in kept for kind in one.holding(*FORGOTTEN, *OTHER, *NAMES)}
    assert people == {kind for kind, fate in FATES.items() if fate.people}

    export = steps.run(asked(Kind.EXPORT))
    told_of = {source.name for source in extracts.SOURCES if rows(export, source.name)}
    assert told_of == {source.name for source in extracts.SOURCES}

    told.world.pass_time(1)
    assert steps.state(steps.run(asked_to_forget(DIGITS, TENANT))) is State.DONE
    assert Kept.now().holding(*FORGOTTEN) == set()
    assert Kept.now().holding(*OTHER) == {kind for kind, fate in FATES.items() if not fate.erased}

    assert steps.state(steps.run(asked(Kind.CLEARANCE))) is State.DONE
    assert Kept.now().holding(*FORGOTTEN, *OTHER, *NAMES) == set()
    assert set(Kept.now().kinds) == {kind for kind, fate in FATES.items() if not fate.cleared and not fate.apart}


def asked(kind: Kind) -> Step:
    step = requests.first(kind, TENANT, ids.new(), run=ids.new())
    writes.commit(requests.ask(step))
    return step
