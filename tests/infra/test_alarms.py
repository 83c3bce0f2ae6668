"""Alarms: each has a row in the handbook, and whatever is counted and rings nothing is told there, with the reason."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.infra.reading import properties
from tests.infra.templates import ROOT

_WITHIN = re.compile(r"## When it rings\n(.*?)\n## ", re.DOTALL)
_HANDLER = re.compile(r"functions\.[\w.]+\.handler")
_OURS = "Mifumo"


@cache
def tables() -> tuple[str, str]:
    """Returns the first cells of the alarms' rows, and of those of what rings nothing."""
    found = _WITHIN.search((ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    assert found
    rings, silent = found[1].split("rings nothing:")
    return _first_cells(rings), _first_cells(silent)


def _first_cells(text: str) -> str:
    return "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| "))


def told() -> set[tuple[str, str]]:
    """Returns how the row of each alarm has to call it: a name, and words in the same cell."""
    found = set()
    for alarm in properties("prod", "AWS::CloudWatch::Alarm"):
        words = _HANDLER.sub("a function", alarm["AlarmDescription"])
        name, colon, meaning = words.partition(": ")
        if alarm.get("Namespace") == _OURS:
            found.add((f"*{alarm['MetricName']}*", ""))
        else:
            found.add((f"*{name}*" if colon else name, meaning))
    return found


@cache
def counted() -> dict[str, set[str]]:
    """Returns what is counted, with the slices that count it; the kernel's is every slice's. A `*` is what varies."""
    found = dict[str, set[str]]()
    slices = {path.name for path in (ROOT / "functions").iterdir() if path.is_dir()}
    for folder in ("functions", "layers/common/python/mifumo"):
        for path in (ROOT / folder).rglob("*.py"):
            near = path.relative_to(ROOT).parts
            for name in _names(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(name, set()).update({near[1]} if near[0] == "functions" else slices)
    return found


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="count"), args=[ast.Constant(value=str(name)), *_]):
                yield name
            case ast.Call(
                func=ast.Name(id="count"), args=[ast.JoinedStr(values=[ast.Constant(value=str(name)), *_]), *_]
            ):
                yield f"{name}*"
            case _:
                continue


def test_every_alarm_has_a_row() -> None:
    cells = tables()[0].splitlines()
    missing = {one for one in told() if not any(one[0] in cell and one[1] in cell for cell in cells)}
    assert missing == set()


def test_every_row_has_an_alarm() -> None:
    assert set(re.findall(r"\*\w+\*", tables()[0])) == {name for name, _ in told() if name.startswith("*")}


def test_an_alarm_is_on_what_its_slice_counts() -> None:
    for alarm in properties("prod", "AWS::CloudWatch::Alarm"):
        if alarm.get("Namespace") == _OURS:
            (service,) = [one["Value"] for one in alarm["Dimensions"]]
            assert service in counted()[alarm["MetricName"]], alarm["MetricName"]


def test_what_is_counted_rings_or_is_told_to_ring_nothing_and_why() -> None:
    ringing = {name.strip("*") for name, _ in told()}
    silent = set(re.findall(r"`([\w*]+)`", tables()[1]))
    assert silent & ringing == set()
    assert {*counted()} - ringing == silent


@pytest.mark.parametrize("slice_", ["sms", "auth"])
def test_a_step_of_a_sweep_that_fails_every_minute_is_heard_of(slice_: str) -> None:
    """It is caught, so that the others are seen to: no function fails by it."""
    rung = [
        alarm["Dimensions"][0]["Value"]
        for alarm in properties("prod", "AWS::CloudWatch::Alarm")
        if alarm["MetricName"] == "SweepStepFailed"
    ]
    assert slice_ in rung
