"""What a Lambda would see: built bundles, and an interpreter with nothing else on its path."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from infra.parts import bundle
from infra.stage import named
from tests.infra.templates import template

SLICES = ("auth", "billing", "sms", "webhooks")
# The SDK of Lambda's Python runtime, and nothing else that happens to be installed here.
_RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
# What Lambda itself sets: without credentials, clients would look for an instance that has some.
_RUNTIME_ENVIRONMENT = {
    "AWS_REGION": "af-south-1",
    "AWS_DEFAULT_REGION": "af-south-1",
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_SESSION_TOKEN": "example",
}


def environments() -> dict[str, dict[str, str]]:
    """Each function's environment in the local template, by its handler; what is known after a deploy is made up."""
    resources = template("local", "service")["Resources"].values()
    functions = [one["Properties"] for one in resources if one["Type"] == "AWS::Lambda::Function"]
    return {
        function["Handler"]: {
            name: value if isinstance(value, str) else _made_up(value)
            for name, value in function["Environment"]["Variables"].items()
        }
        for function in functions
    }


def run_alone(
    script: str, *arguments: str, slice_name: str, environment: Mapping[str, str], sdk: Path, part: str = ""
) -> Any:
    """Runs a script that prints JSON, with the slice's bundle, the layer and the runtime's SDK on its path alone."""
    stage = named("local")
    own = bundle.function(stage, slice_name, part).build()
    path = [str(own), str(bundle.layer(stage).build() / "python"), str(sdk)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", f"import sys; sys.path[:0] = {path!r}\n{script}", *arguments],
        env={**_RUNTIME_ENVIRONMENT, **environment},
        cwd=sdk,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def link_runtime(folder: Path) -> Path:
    """Puts links to the SDK, and to nothing beside it, into a folder."""
    for name in _RUNTIME:
        spec = find_spec(name)
        assert spec, name
        assert spec.origin, name
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


@cache
def zipped_bytes(built: Path) -> int:
    """The size of the zip that the CDK makes of a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(built.rglob("*")):
            archive.write(file, file.relative_to(built))
    return buffer.tell()


def _made_up(value: Mapping[str, Any]) -> str:
    """A plausible value: settings parse it, and nothing is called."""
    text = json.dumps(value)
    if "ApiEndpoint" in text or "Queue" in text:
        return "https://example.invalid/made-up"
    if "Arn" in text or "Id" in text:
        return "arn:aws:secretsmanager:af-south-1:000000000000:secret:made-up"
    return "made-up"
