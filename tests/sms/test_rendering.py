"""Rendering, for any body and any values; and the preview's price is what a send holds."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.sms.content import rendering
from tests.sms.world import World

NAMES = st.from_regex(rf"\A{rendering.NAME}\Z")
# With braces in it: a value may look like a placeholder.
TEXTS = st.text(st.sampled_from("ab {}xyz€ç~\n😀"), max_size=60)
PIECES = st.lists(st.tuples(st.text(st.sampled_from("Habari, ç€{ }\n"), max_size=12), NAMES), max_size=6)


def body_of(pieces: list[tuple[str, str]]) -> str:
    return "".join(f"{text.replace('{', '(').replace('}', ')')}{{{{{name}}}}}" for text, name in pieces) + "."


@given(PIECES, st.data())
def test_every_variable_is_replaced_once_by_its_value_and_nothing_else_changes(
    pieces: list[tuple[str, str]], data: st.DataObject
) -> None:
    body = body_of(pieces)
    values = {name: data.draw(TEXTS) for name in rendering.variables(body)}
    assert rendering.broken(body) is None
    assert rendering.misfits(body, values) == []
    plain = [text.replace("{", "(").replace("}", ")") + values[name] for text, name in pieces]
    assert rendering.render(body, values) == "".join(plain) + "."


@given(PIECES, st.dictionaries(st.text(max_size=5), TEXTS, max_size=4))
def test_what_lacks_and_what_is_too_much_is_named(pieces: list[tuple[str, str]], values: dict[str, str]) -> None:
    body = body_of(pieces)
    wanted = set(rendering.variables(body))
    told = rendering.misfits(body, values)
    assert {e.pointer.removeprefix("/variables/") for e in told if e.code == "missing"} == wanted - set(values)
    assert sum(e.code == "unknown_variable" for e in told) == len(set(values) - wanted)


@given(st.lists(st.tuples(st.text(max_size=4), st.dictionaries(st.just("a"), TEXTS, min_size=1)), max_size=20))
def test_recipients_of_the_same_text_come_together_and_nobody_is_lost(rows: list[tuple[str, dict[str, str]]]) -> None:
    texts = rendering.grouped("Habari {{ a }}", rows)
    assert sorted(one for some in texts.values() for one in some) == sorted(name for name, _ in rows)
    for name, values in rows:
        assert name in texts[f"Habari {values['a']}"]


def test_braces_that_are_no_placeholder_are_refused() -> None:
    for body in ("{{", "}}", "{{ }}", "{{1a}}", "{{a-b}}", "{{a}} {{", "{{a" + "}", "{{" + "a" * 41 + "}}"):
        assert rendering.broken(body), body
    assert rendering.broken("".join(f"{{{{v{n}}}}}" for n in range(rendering.VARIABLES_MAX + 1)))
    assert rendering.broken("{a} {b") is None
    assert rendering.render("{{{a}}}", {"a": "x"}) == "{x}"


VALUES = st.text(st.sampled_from("ab €ç~{}\n😀"), max_size=300)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=VALUES, second=VALUES, recipients=st.integers(1, 4))
def test_the_previews_price_is_what_a_send_with_the_same_values_holds(
    world: World, first: str, second: str, recipients: int
) -> None:
    if not hasattr(world, "template"):
        body = {"name": "Any", "category": "alert", "body": "Habari {{a}}: {{ b }}, {{a}}"}
        world.template = world.call("POST", "/api/sms/templates/", body)[1]["id"]  # type: ignore[attr-defined]
    template: Any = world.template  # type: ignore[attr-defined]
    values = {"a": first, "b": second}
    seen, preview = world.call("POST", f"/api/sms/templates/{template}/preview/", {"variables": values})
    held = world.wallet()[1]
    numbers = [f"07120000{n:02d}" for n in range(recipients)]
    wish: dict[str, Any] = {"sender_id": "INFO", "template_id": template, "variables": values, "recipients": numbers}
    status, batch = world.call("POST", "/api/sms/send/", {**wish, "allow_repeat": True})
    if seen == 422:
        assert (status, batch["errors"]) == (422, preview["errors"])
        assert world.wallet()[1] == held
        return
    assert (seen, status) == (200, 202)
    assert (batch["text"], batch["encoding"], batch["segments"]) == (
        preview["text"],
        preview["encoding"],
        preview["segments"],
    )
    assert world.wallet()[1] - held == batch["price"] == preview["price"] * recipients
