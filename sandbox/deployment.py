"""The deployment: the real CDK CLI against the emulator, then what an operator does by hand after a first deploy."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3

from sandbox.beem.simulator import API_KEY as BEEM_API_KEY
from sandbox.beem.simulator import SECRET_KEY as BEEM_SECRET_KEY
from sandbox.clickpesa.attempts import CLIENT_ID as CLICKPESA_CLIENT_ID
from sandbox.clickpesa.simulator import API_KEY as CLICKPESA_API_KEY
from sandbox.clickpesa.simulator import CHECKSUM_KEY as CLICKPESA_CHECKSUM_KEY
from sandbox.emulator import ACCOUNT, REGION, credentials
from sandbox.pawapay.simulator import TOKEN as PAWAPAY_TOKEN
from sandbox.places import ROOT, Place
from sandbox.ports import Ports
from sandbox.steps import CloudError
from sandbox.zenopay.simulator import API_KEY as ZENOPAY_API_KEY

_CDK = ROOT / "node_modules" / ".bin" / "cdk"
_STAGE = ("--context", "stage=local")
_BOOTSTRAP_MAX_S = 180.0
_DEPLOY_MAX_S = 900.0


def bootstrap(place: Place, ports: Ports) -> None:
    _cdk(place, ports, ["bootstrap", f"aws://{ACCOUNT}/{REGION}"], limit_s=_BOOTSTRAP_MAX_S)


def deploy(place: Place, ports: Ports) -> dict[str, str]:
    """Deploy both stacks; returns their outputs, by name."""
    outputs_file = place.folder / "outputs.json"
    outputs_file.unlink(missing_ok=True)
    words = ["deploy", "--all", "--require-approval", "never", "--outputs-file", str(outputs_file)]
    _cdk(place, ports, words, limit_s=_DEPLOY_MAX_S)
    by_stack = json.loads(outputs_file.read_text())
    return {name: value for outputs in by_stack.values() for name, value in outputs.items()}


def hand_in_keys(outputs: dict[str, str], ports: Ports) -> str:
    """Put the simulators' keys into the providers' secrets, beside what was generated; returns the callback token.

    Credentials and region are those of `emulator.speaking_to`.
    """
    client = boto3.Session().client("secretsmanager", endpoint_url=ports.endpoint_url)
    beem = _fill_in(client, outputs["BeemSecret"], api_key=BEEM_API_KEY, secret_key=BEEM_SECRET_KEY)
    _fill_in(client, outputs["ZenopaySecret"], api_key=ZENOPAY_API_KEY)
    _fill_in(client, outputs["PawapaySecret"], token=PAWAPAY_TOKEN)
    _fill_in(
        client,
        outputs["ClickpesaSecret"],
        client_id=CLICKPESA_CLIENT_ID,
        api_key=CLICKPESA_API_KEY,
        checksum_key=CLICKPESA_CHECKSUM_KEY,
    )
    return beem["callback_token"]


def _fill_in(client: Any, secret: str, **fields: str) -> dict[str, str]:
    known: dict[str, str] = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    filled = known | fields
    if filled != known:
        client.put_secret_value(SecretId=secret, SecretString=json.dumps(filled))
    return filled


def _cdk(place: Place, ports: Ports, words: list[str], *, limit_s: float) -> None:
    """Run the CDK CLI in a session of its own, so that a hung custom resource ends with everything it started."""
    if not _CDK.exists():
        raise CloudError("The CDK command line is not installed in node_modules: `make up` installs it.")
    log = place.log("cdk")
    with log.open("ab") as out:
        child = subprocess.Popen(
            [str(_CDK), *words, *_STAGE, "--output", str(place.folder / "cdk.out"), "--ci"],
            env=_environment(ports),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = child.wait(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise CloudError(f"`cdk {words[0]}` was not done after {limit_s:.0f} s.", log=log) from error
        finally:
            _end_session(child)
    if code != 0:
        raise CloudError(f"`cdk {words[0]}` failed with exit code {code}.", log=log)


def _environment(ports: Ports) -> dict[str, str]:
    """The user's environment, as bundling fetches packages the user's way, but for the account that it deploys to.

    Our own Python and Node come first: an old Node prints a banner each time it starts.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_", "PYTHON"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{ours.get('PATH', os.defpath)}"
    return ours | credentials(ports) | ports.environment | {"PATH": path, "NO_COLOR": "1"}


def _end_session(child: subprocess.Popen[bytes]) -> None:
    """End the CLI if it still runs, with all that it started; an unreaped child's pid cannot be anybody else's."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
