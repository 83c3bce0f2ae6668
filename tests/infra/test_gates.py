"""The gates that a template passes before it is deployed: cdk-nag at synth, and cfn-lint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.templates import ROOT, STAGES, assembly, environment, path

_WITH_AN_OPEN_BUCKET = """
from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3
from infra.app import build
from infra.stage import named
app = App()
build(app, named("dev"))
s3.Bucket(Stack(app, "Careless"), "Open")
app.synth()
"""
_LOCAL_ONLY = ["W3037"]  # the emulator checks SQS batch actions that AWS does not know
_CDK_S_OWN = ["W3005"]  # a function waits for its role's policy by naming role and policy


@pytest.mark.parametrize("stage", STAGES)
def test_cdk_nag_has_no_finding(stage: str) -> None:
    report = json.loads((assembly(stage) / "validation-report.json").read_text())
    assert report["pluginReports"], "cdk-nag did not run"
    for plugin in report["pluginReports"]:
        assert plugin["conclusion"] == "success", plugin
        assert not plugin["violations"]


def test_a_finding_fails_the_synthesis(tmp_path: Path) -> None:
    context: dict[str, list[str]] = {"aws:cdk:bundling-stacks": []}
    done = subprocess.run(
        [sys.executable, "-c", _WITH_AN_OPEN_BUCKET],
        cwd=ROOT,
        env={**environment(), "CDK_OUTDIR": str(tmp_path), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode != 0
    assert "AwsSolutions-S10" in done.stdout + done.stderr


@pytest.mark.parametrize("stage", STAGES)
def test_cfn_lint_has_no_complaint(stage: str) -> None:
    ignored = [*_CDK_S_OWN, *(_LOCAL_ONLY if stage == "local" else [])]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from cfnlint.runner import main; main()",
            "--ignore-checks",
            *ignored,
            "--template",
            str(path(stage, "data")),
            str(path(stage, "service")),
        ],
        env={**os.environ, "AWS_DEFAULT_REGION": "af-south-1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
