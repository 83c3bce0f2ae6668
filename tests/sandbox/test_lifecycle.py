"""Up, down and status, with programs that stand in for the emulator and the CDK CLI; the daemon is the real one."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import __main__, deployment, emulator, fingerprint, lifecycle
from sandbox.places import Place
from sandbox.ports import Ports, free_port
from sandbox.processes import Process
from sandbox.steps import CloudError

EMULATOR = """
    import json, os, sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    SECRETS = {
        "beem-arn": {"api_key": "", "secret_key": "", "callback_token": "t0ken"},
        "zenopay-arn": {"api_key": ""},
        "pawapay-arn": {"token": ""},
        "clickpesa-arn": {"client_id": "", "api_key": "", "checksum_key": ""},
    }

    class Handler(BaseHTTPRequestHandler):
        def answer(self, content):
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def do_GET(self):
            self.answer({"secrets": SECRETS, "environment": dict(os.environ)})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["X-Amz-Target"].endswith("PutSecretValue"):
                SECRETS[body["SecretId"]] = json.loads(body["SecretString"])
            self.answer({"ARN": body["SecretId"], "SecretString": json.dumps(SECRETS[body["SecretId"]])})

        def log_message(self, *_):
            pass

    ThreadingHTTPServer((os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])), Handler).serve_forever()
"""

CDK = """
    import json, os, sys

    with open(os.environ["TRIAL_CALLS"], "a") as calls:
        calls.write(json.dumps({"words": sys.argv[1:], "environment": dict(os.environ)}) + "\\n")
    if "--outputs-file" in sys.argv:
        secrets = {f"{name}Secret": f"{name.lower()}-arn" for name in ("Beem", "Zenopay", "Pawapay", "Clickpesa")}
        outputs = {"data": secrets, "service": {"ApiId": "4d1f5a90"}}
        with open(sys.argv[sys.argv.index("--outputs-file") + 1], "w") as file:
            json.dump(outputs, file)
"""

FAILING_CDK = "import sys; print('the bucket is full'); sys.exit(3)"
HUNG_CDK = (
    "import os, subprocess, sys, time; child = subprocess.Popen(['sleep', '60']);"
    "open(os.environ['TRIAL_CALLS'], 'w').write(str(child.pid)); time.sleep(60)"
)
LOGINS = {role: {"email": f"{role}@labs.example", "password": f"{role}-secret"} for role in lifecycle.ROLES}


class Cloud:
    """One stack in a folder of its own, with its programs and its seed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.place = Place("trial", local=folder)
        self.ports = Ports(*(free_port() for _ in fields(Ports)))
        self.seeded: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = LOGINS
        self.calls = folder / "calls.jsonl"
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(emulator, "CLOUD_VENV", folder / "venv")
        monkeypatch.setattr(deployment, "_CDK", folder / "cdk")
        monkeypatch.setenv("SECRET_OF_THE_USER", "1")
        monkeypatch.setenv("AWS_PROFILE", "the-users-own")
        monkeypatch.setenv("TRIAL_CALLS", str(self.calls))
        for part in ("emulator", "stacks", "daemon"):
            monkeypatch.setattr(fingerprint, part, lambda _: "as committed")
        monkeypatch.setitem(sys.modules, "tools.seed", self._seed_module())
        self.install(folder / "venv" / "bin" / "ministack", EMULATOR)
        self.install(folder / "cdk", CDK)

    def install(self, program: Path, code: str) -> None:
        program.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(code).strip()
        program.write_text(f"#!{sys.executable}\n{text}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def change(self, part: str) -> None:
        """As if the sources of one part had been edited."""
        self._monkeypatch.setattr(fingerprint, part, lambda _: f"edited {part}")

    def up(self) -> dict[str, Any]:
        return lifecycle.up(self.place, self.ports)

    def down(self) -> None:
        lifecycle.down(self.place)

    def cdk_verbs(self) -> list[str]:
        return [call["words"][0] for call in self.cdk_calls()]

    def cdk_calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.calls.read_text().splitlines()]

    def emulated(self) -> dict[str, Any]:
        state: dict[str, Any] = requests.get(self.ports.endpoint_url, timeout=5).json()
        return state

    def _seed_module(self) -> types.ModuleType:
        def seed(outputs: dict[str, str], *, endpoint_url: str | None, reset_passwords: bool) -> dict[str, Any]:
            self.seeded.append({"outputs": outputs, "endpoint_url": endpoint_url, "reset": reset_passwords})
            return self.answer

        module = types.ModuleType("tools.seed")
        vars(module)["seed"] = seed
        return module


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    made = Cloud(tmp_path, monkeypatch)
    yield made
    made.down()


def nothing_runs(cloud: Cloud) -> bool:
    return not any(process.is_running for process in cloud.place.processes().values()) and _is_free(cloud.ports.cloud)


def test_up_starts_deploys_hands_in_keys_seeds_and_serves(cloud: Cloud) -> None:
    stack = cloud.up()

    assert cloud.cdk_verbs() == ["bootstrap", "deploy"]
    assert cloud.seeded[0]["endpoint_url"] == cloud.ports.endpoint_url
    assert cloud.seeded[0]["reset"], "nobody has been told a password yet"
    assert cloud.seeded[0]["outputs"]["ApiId"] == "4d1f5a90"
    assert cloud.emulated()["secrets"] == {
        "beem-arn": {
            "api_key": "sandbox-beem-api-key",
            "secret_key": "sandbox-beem-secret-key",
            "callback_token": "t0ken",
        },
        "zenopay-arn": {"api_key": "sandbox-zenopay-api-key"},
        "pawapay-arn": {"token": "sandbox-pawapay-token"},
        "clickpesa-arn": {
            "client_id": "sandbox-clickpesa-client",
            "api_key": "sandbox-clickpesa-api-key",
            "checksum_key": "sandbox-clickpesa-checksum-key",
        },
    }
    written = json.loads((cloud.folder / "trial.json").read_text())
    assert written == stack
    assert written["api_url"] == f"http://localhost:{cloud.ports.front}/api"
    assert written["sandbox_url"] == f"http://localhost:{cloud.ports.front}/sandbox"
    assert written["logins"] == LOGINS
    assert (cloud.folder / "trial.json").stat().st_mode & 0o077 == 0
    assert requests.get(f"{written['sandbox_url']}/beem/log", timeout=5).json() == []


def test_the_emulator_enforces_iam_on_the_loopback_and_sees_nothing_of_our_environment(cloud: Cloud) -> None:
    cloud.up()

    environment = cloud.emulated()["environment"]
    assert environment["AUTH"] == "true"
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["MINISTACK_REGION"] == "af-south-1"
    assert "SECRET_OF_THE_USER" not in environment
    assert "PYTHONPATH" not in environment


def test_the_cdk_is_pointed_at_the_emulator_whatever_the_user_has_configured(cloud: Cloud) -> None:
    cloud.up()

    deploy = cloud.cdk_calls()[1]
    environment = deploy["environment"]
    assert deploy["words"][:4] == ["deploy", "--all", "--require-approval", "never"]
    assert environment["AWS_ENDPOINT_URL"] == environment["AWS_ENDPOINT_URL_S3"] == cloud.ports.endpoint_url
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "AWS_PROFILE" not in environment
    assert environment["BEEM_PORT"] == str(cloud.ports.beem)
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_second_up_does_nothing_and_says_so(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    first = cloud.up()

    assert cloud.up() == first

    assert "up already" in capsys.readouterr().out
    assert cloud.cdk_verbs() == ["bootstrap", "deploy"]
    assert len(cloud.seeded) == 1


def test_changed_code_is_deployed_again_and_the_logins_stay(cloud: Cloud) -> None:
    first = cloud.up()
    cloud.change("stacks")
    cloud.answer = {role: {"email": login["email"], "password": None} for role, login in LOGINS.items()}

    second = cloud.up()

    assert cloud.cdk_verbs() == ["bootstrap", "deploy", "deploy"]
    assert second["logins"] == LOGINS
    assert not cloud.seeded[1]["reset"], "the passwords that were told stay"
    assert second["pids"] == first["pids"]


def test_a_changed_sandbox_restarts_the_front_door_and_not_the_emulator(cloud: Cloud) -> None:
    first = cloud.up()
    cloud.change("daemon")

    second = cloud.up()

    assert second["pids"]["emulator"] == first["pids"]["emulator"]
    assert second["pids"]["daemon"] != first["pids"]["daemon"]
    assert cloud.cdk_verbs() == ["bootstrap", "deploy"]


def test_an_emulator_that_has_died_is_replaced_with_everything_in_it(cloud: Cloud) -> None:
    cloud.up()
    _kill(cloud.place.processes()["emulator"])

    cloud.up()

    assert cloud.cdk_verbs() == ["bootstrap", "deploy", "bootstrap", "deploy"]
    assert len(cloud.seeded) == 2


def test_down_ends_what_was_started_and_forgets_it(cloud: Cloud) -> None:
    cloud.up()
    started = cloud.place.processes()

    cloud.down()

    assert not any(process.is_running for process in started.values())
    assert not (cloud.folder / "trial.json").exists()
    assert not (cloud.folder / "trial").exists()


def test_down_leaves_a_process_alone_that_got_a_recorded_pid_later(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        cloud.place.prepare()
        cloud.place.keep_processes({"emulator": Process(stranger.pid, "long ago")})

        cloud.down()

        assert stranger.poll() is None
        assert "nothing was signalled" in capsys.readouterr().out
        stranger.kill()


def test_down_of_nothing_says_so(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.down()

    assert "is not up" in capsys.readouterr().out


@pytest.mark.parametrize("purpose", ["cloud", "front", "beem", "zenopay", "pawapay", "clickpesa"])
def test_a_port_in_use_is_named_before_anything_is_started(cloud: Cloud, purpose: str) -> None:
    port = getattr(cloud.ports, purpose)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(CloudError, match=f"{port} is in use .* {purpose.upper()}_PORT"),
    ):
        cloud.up()

    assert cloud.place.processes() == {}


@pytest.mark.parametrize(
    ("program", "sentence"), [("venv/bin/ministack", "emulator is not installed"), ("cdk", "CDK .* is not installed")]
)
def test_a_missing_tool_is_named_with_the_way_to_get_it(cloud: Cloud, program: str, sentence: str) -> None:
    (cloud.folder / program).unlink()

    with pytest.raises(CloudError, match=f"{sentence}.*make up"):
        cloud.up()

    assert nothing_runs(cloud)


def test_an_emulator_that_ends_at_once_is_reported_with_its_last_words(cloud: Cloud) -> None:
    cloud.install(cloud.folder / "venv" / "bin" / "ministack", "raise SystemExit('no space left')")

    with pytest.raises(CloudError, match="ended while it was starting") as failure:
        cloud.up()

    assert "no space left" in failure.value.tail()
    assert nothing_runs(cloud)


def test_a_failed_deploy_ends_the_emulator_that_was_started_for_it(cloud: Cloud) -> None:
    cloud.install(cloud.folder / "cdk", FAILING_CDK)

    with pytest.raises(CloudError, match="`cdk bootstrap` failed with exit code 3") as failure:
        cloud.up()

    assert "the bucket is full" in failure.value.tail()
    assert nothing_runs(cloud)


def test_a_failed_redeploy_leaves_the_running_stack_as_it_was(cloud: Cloud) -> None:
    first = cloud.up()
    cloud.change("stacks")
    cloud.install(cloud.folder / "cdk", FAILING_CDK)

    with pytest.raises(CloudError, match="`cdk deploy` failed"):
        cloud.up()

    assert cloud.place.stack() == first
    assert all(process.is_running for process in cloud.place.processes().values())


def test_a_hung_deploy_is_given_up_with_everything_that_it_started(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_BOOTSTRAP_MAX_S", 1.0)
    cloud.install(cloud.folder / "cdk", HUNG_CDK)

    with pytest.raises(CloudError, match="was not done after 1 s"):
        cloud.up()

    assert _ends(int(cloud.calls.read_text()))
    assert nothing_runs(cloud)


def test_an_interrupted_up_ends_what_it_has_started(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.install(cloud.folder / "cdk", HUNG_CDK)
    monkeypatch.setattr(__main__, "Place", lambda _: cloud.place)
    for name, port in cloud.ports.environment.items():
        monkeypatch.setenv(name, port)

    def interrupt() -> None:
        _within(10, lambda: cloud.calls.exists() and cloud.calls.read_text() != "")
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    try:
        code = __main__.main(["up"])
    finally:
        interrupter.join()
        signal.signal(signal.SIGTERM, before)

    assert code == 130
    assert _ends(int(cloud.calls.read_text()))
    assert nothing_runs(cloud)


def test_a_seed_without_logins_fails_the_up(cloud: Cloud) -> None:
    cloud.answer = {"owner": LOGINS["owner"]}

    with pytest.raises(CloudError, match="no login for admin, agent, staff"):
        cloud.up()

    assert nothing_runs(cloud)


def test_two_commands_do_not_work_on_one_stack_at_once(cloud: Cloud) -> None:
    with lifecycle._locked(cloud.place), pytest.raises(CloudError, match="Another command is at work"):
        cloud.up()


def test_status_tells_what_runs(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert not lifecycle.status(cloud.place)
    cloud.up()
    assert lifecycle.status(cloud.place)
    _kill(cloud.place.processes()["daemon"])
    capsys.readouterr()

    assert not lifecycle.status(cloud.place)

    assert "daemon    does not run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "words", "sentence"),
    [
        ({"FRONT_PORT": "eighty"}, ["status"], "FRONT_PORT='eighty' is no port"),
        ({"BEEM_PORT": "70000"}, ["status"], "BEEM_PORT='70000' is no port"),
        ({}, ["status", "--name", "../up"], "is no name for a stack"),
    ],
)
def test_a_setting_that_makes_no_sense_is_a_sentence_and_exit_code_1(
    environment: dict[str, str],
    words: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert __main__.main(words) == 1

    assert sentence in capsys.readouterr().err


def test_fingerprints_follow_sources_and_ports() -> None:
    ports, others = Ports(), Ports(beem=9_999)

    assert fingerprint.stacks(ports) == fingerprint.stacks(ports)
    assert fingerprint.stacks(ports) != fingerprint.stacks(others)
    assert fingerprint.emulator(ports) == fingerprint.emulator(others)
    assert len({part(ports) for part in (fingerprint.emulator, fingerprint.stacks, fingerprint.daemon)}) == 3


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


def _kill(process: Process) -> None:
    os.kill(process.pid, 9)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, 0)


def _ends(pid: int) -> bool:
    return _within(5, lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split())


def _within(limit_s: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
