"""The bank account of a stage: told to the CDK, never written in the code, and real or none."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra import bank
from infra.bank import SAMPLE, BankAccount
from tests.infra.reading import AWS_STAGES, functions
from tests.infra.templates import ROOT, environment

REAL = {"bank": "CRDB Bank", "name": "Mifumo Labs Ltd", "number": "0150412236700", "swift": "CORUTZTZ"}
_VARIABLES = ("BANK_NAME", "BANK_ACCOUNT_NAME", "BANK_ACCOUNT_NUMBER", "BANK_SWIFT")
_SYNTH = """
from aws_cdk import App
from infra.app import build, told
app = App()
print(told(app).bank)
"""


def account_in(stage: str) -> list[str]:
    variables = functions(stage)["functions.billing.api.handler"]["Environment"]["Variables"]
    return [variables[name] for name in _VARIABLES]


def test_a_laptop_has_a_sample_account() -> None:
    assert account_in("local") == [SAMPLE.bank, SAMPLE.name, SAMPLE.number, SAMPLE.swift]


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_a_stage_that_was_told_of_no_account_has_none(stage: str) -> None:
    assert account_in(stage) == ["", "", "", ""]


def test_an_account_is_taken_as_it_was_told() -> None:
    assert bank.of("prod", {**REAL, "name": " Mifumo Labs Ltd "}) == BankAccount(**REAL)
    assert bank.of("prod", {**REAL, "swift": "CORUTZTZXXX"}).swift == "CORUTZTZXXX"


@pytest.mark.parametrize(
    "changes",
    [
        {"number": ""},
        {"number": "0000000000000"},
        {"number": "1234567890"},
        {"number": "1212121212"},
        {"number": "0150 4122 36700"},
        {"number": "TODO"},
        {"number": SAMPLE.number},
        {"swift": SAMPLE.swift},
        {"swift": "CORUTZT0"},
        {"swift": "CORUKENA"},
        {"swift": ""},
        {"bank": " "},
        {"name": ""},
    ],
    ids=str,
)
def test_an_account_that_cannot_be_real_stops_the_synthesis(changes: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match="bank:prod in the CDK's context cannot be an account to pay into"):
        bank.of("prod", {**REAL, **changes})


@pytest.mark.parametrize("told", ["0150412236700", {"number": "0150412236700"}, {**REAL, "iban": "x"}, []], ids=str)
def test_an_account_is_told_whole(told: Any) -> None:
    with pytest.raises(SystemExit, match="exactly these members: bank, name, number, swift"):
        bank.of("prod", told)


@pytest.mark.parametrize(("stage", "told"), [("prod", REAL), ("dev", {}), ("local", {})])
def test_each_stage_reads_its_own_account(stage: str, told: dict[str, str], tmp_path: Path) -> None:
    context = json.dumps({"stage": stage, "bank:prod": REAL})
    done = subprocess.run(
        [sys.executable, "-c", _SYNTH],
        cwd=ROOT,
        env={**environment(), "CDK_OUTDIR": str(tmp_path / "out"), "CDK_CONTEXT_JSON": context},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == str(SAMPLE if stage == "local" else BankAccount(**told))
