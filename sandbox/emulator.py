"""The emulator: MiniStack as a process of its own, with IAM enforced, reached on the loopback interface only."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping

import requests

from sandbox.places import CLOUD_VENV, Place
from sandbox.ports import Ports
from sandbox.processes import Process, spawn
from sandbox.steps import CloudError

REGION = "af-south-1"
ACCOUNT = "000000000000"
_START_MAX_S = 60.0
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


def credentials(ports: Ports) -> dict[str, str]:
    """What makes an AWS client talk to the emulator and to nobody else, whatever the user's own files say."""
    return {
        "AWS_ENDPOINT_URL": ports.endpoint_url,
        "AWS_ENDPOINT_URL_S3": ports.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextlib.contextmanager
def speaking_to(ports: Ports) -> Iterator[None]:
    """For the time of the block, this process's own AWS clients talk to the emulator: ours, and those of the seed."""
    theirs = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    ours = credentials(ports)
    try:
        for name in theirs:
            del os.environ[name]
        os.environ.update(ours)
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(theirs)


def inherited(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The few things of the user's environment that a child gets: nothing of Python's, nothing of AWS's."""
    return {name: environment[name] for name in _INHERITED if name in environment}


def start(place: Place, ports: Ports) -> Process:
    """Start the emulator; its functions see its own small environment, so that none can lean on ours."""
    program = CLOUD_VENV / "bin" / "ministack"
    if not program.exists():
        raise CloudError("The emulator is not installed in .local/cloud-venv: `make up` installs and starts it.")
    settings = {
        "GATEWAY_PORT": str(ports.cloud),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "TMPDIR": str(place.folder / "tmp"),
        "LOG_LEVEL": "WARNING",
    }
    return spawn([program], env=inherited() | settings, cwd=place.folder, log=place.log("emulator"))


def wait_healthy(place: Place, ports: Ports, process: Process) -> None:
    deadline = time.monotonic() + _START_MAX_S
    while not _is_healthy(ports):
        if not process.is_running:
            raise CloudError("The emulator ended while it was starting.", log=place.log("emulator"))
        if time.monotonic() > deadline:
            raise CloudError(f"The emulator was not ready after {_START_MAX_S:.0f} s.", log=place.log("emulator"))
        time.sleep(0.1)


def _is_healthy(ports: Ports) -> bool:
    try:
        answer = requests.get(f"{ports.endpoint_url}/_ministack/health", timeout=2)
    except requests.RequestException:
        return False
    return answer.ok
