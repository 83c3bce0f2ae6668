"""The page of events: for each type an example with the members that are sent, and every reason of a failed call."""

import json
import re
from pathlib import Path
from typing import Any

from functions.sms.hooks.events import Type
from functions.sms.hooks.outcomes import CallError
from tests.sms.test_inbound_told import take, texted
from tests.sms.told import Told

_DOCS = Path(__file__).parents[2] / "docs" / "api"


def test_each_type_of_event_is_sent_as_the_page_shows_it(told: Told) -> None:
    hook, _ = told.listen()
    told.sent("0712000010", "0712000011", "0712000012")
    for report, status in zip(told.world.reports.take(3), ("DELIVERED", "UNDELIVERED", "REJECTED"), strict=True):
        told.world.report({**report, "status": status})
    take(texted("Asante"))
    told.test(hook)
    told.work()
    shown = _examples()
    sent = {event["type"]: event for event in told.customer.told()}
    assert [*shown] == [type_.value for type_ in Type]
    for name, example in shown.items():
        assert _shape(example) == _shape(sent[name]), name


def test_the_api_page_names_every_reason_of_a_call_without_an_answer() -> None:
    text = (_DOCS / "README.md").read_text(encoding="utf-8")
    assert [error for error in CallError if f"`{error}`" not in text] == []


def _examples() -> dict[str, Any]:
    """Reads the examples, by the heading that each stands under."""
    text = (_DOCS / "events.md").read_text(encoding="utf-8")
    found = re.findall(r"^## `([a-z.]+)`\n.*?```json\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    examples = {name: json.loads(body) for name, body in found}
    assert all(example["type"] == name for name, example in examples.items())
    return examples


def _shape(value: Any) -> Any:
    """Leaves of a value its members, and whether each is text, a number, or nothing that must be there."""
    if isinstance(value, dict):
        return {name: _shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])]
    return int if isinstance(value, int) else "text or null"
