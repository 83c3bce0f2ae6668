"""Up, down and status: the local cloud as a whole, which is started once, kept, and ended without a trace."""

import contextlib
import fcntl
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import requests

from sandbox import deployment, emulator, fingerprint, processes
from sandbox.listener import PortTakenError, bound
from sandbox.places import ROOT, Place
from sandbox.ports import Ports
from sandbox.steps import CloudError, step

EMULATOR = "emulator"
DAEMON = "daemon"
ROLES = ("owner", "admin", "agent", "staff")
_DAEMON_START_MAX_S = 20.0
_CONTROL_TIMEOUT_S = 10.0


def up(place: Place, ports: Ports) -> dict[str, Any]:
    """Bring the stack up, doing only what is not done yet; what fails leaves nothing running that was not before."""
    place.prepare()
    with _locked(place), emulator.speaking_to(ports):
        before = set(place.processes().values())
        try:
            return _up(place, ports)
        except BaseException:
            _end(place, [role for role, process in place.processes().items() if process not in before])
            raise


def down(place: Place) -> None:
    """End what `up` has started, and nothing else."""
    if not place.folder.exists():
        print(f"The local cloud {place.name!r} is not up.")
        return
    with _locked(place):
        _end(place, [DAEMON, EMULATOR])
        place.forget()
    print(f"The local cloud {place.name!r} is down, and its state is gone.")


def status(place: Place) -> bool:
    """Say what runs; returns whether all of it does."""
    stack, started = place.stack(), place.processes()
    for role in (EMULATOR, DAEMON):
        process = started.get(role)
        running = process is not None and process.is_running
        print(f"{role:9} {'runs as process ' + str(process.pid) if process and running else 'does not run'}")
    if not stack or not _all_run(place):
        return False
    print(f"deployed  {stack['deployed_at']}")
    announce(stack)
    return True


def announce(stack: dict[str, Any]) -> None:
    """Print where to look and whom to be."""
    origin = stack["api_url"].removesuffix("/api")
    print(f"\n  start here   {origin}/")
    print(f"  API          {stack['api_url']}   (manual: {stack['api_url']}/docs/)")
    print(f"  simulators   {stack['sandbox_url']}")
    print(f"  AWS          {stack['endpoint_url']}   (region {emulator.REGION}, keys test/test)\n")
    for role in ROLES:
        login = stack["logins"].get(role)
        if login:
            print(f"  {role:8} {login['email']:32} {login['password']}")
    print()


def _up(place: Place, ports: Ports) -> dict[str, Any]:
    prints = {
        EMULATOR: fingerprint.emulator(ports),
        "stacks": fingerprint.stacks(ports),
        DAEMON: fingerprint.daemon(ports),
    }
    stack = place.stack()
    known = stack.get("fingerprints", {})
    if _all_run(place) and known == prints:
        print(f"The local cloud {place.name!r} is up already, and nothing has changed since.")
        return stack
    if not _runs(place, EMULATOR) or known.get(EMULATOR) != prints[EMULATOR]:
        # The emulator keeps its state in memory: with a new one everything is new.
        _end(place, [DAEMON, EMULATOR])
        stack, known = {}, {}
        place.stack_file.unlink(missing_ok=True)
        _check_ports(ports, "cloud", "front", "beem", "zenopay", "pawapay", "clickpesa")
        _start_emulator(place, ports)
    if known.get("stacks") != prints["stacks"]:
        stack |= _deploy(place, ports, stack)
    if not _runs(place, DAEMON) or known.get(DAEMON) != prints[DAEMON]:
        _end(place, [DAEMON])
        _start_daemon(place, ports, stack["api_id"])
    _tell_providers_where_to_call(ports, stack["outputs"])
    stack |= _addresses(place, ports) | {"fingerprints": prints}
    place.keep_stack(stack)
    return stack


def _start_emulator(place: Place, ports: Ports) -> None:
    with step("Starting the emulator, IAM enforced"):
        process = emulator.start(place, ports)
        place.keep_processes(place.processes() | {EMULATOR: process})
        emulator.wait_healthy(place, ports, process)
    with step("Bootstrapping the CDK"):
        deployment.bootstrap(place, ports)


def _deploy(place: Place, ports: Ports, stack: dict[str, Any]) -> dict[str, Any]:
    with step("Deploying the stacks with the CDK"):
        outputs = deployment.deploy(place, ports)
    with step("Handing the simulators' keys to Secrets Manager"):
        deployment.hand_in_keys(outputs, ports)
    with step("Seeding Mifumo Labs: four users and 1,000 credits"):
        logins = _seed(outputs, ports, stack.get("logins", {}))
    return {
        "outputs": outputs,
        "api_id": outputs["ApiId"],
        "logins": logins,
        "deployed_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _seed(outputs: dict[str, str], ports: Ports, known: dict[str, Any]) -> dict[str, Any]:
    """Seed, which tells a password only when it makes the user: what was told before is kept."""
    from tools.seed import seed  # noqa: PLC0415 -- only `up` needs the kernel that stands behind it

    # A password that was made and never told, because `up` died in between, is made again.
    lost = any(not _is_whole(known.get(role)) for role in ROLES)
    made = seed(outputs, endpoint_url=ports.endpoint_url, reset_passwords=lost)
    logins = known | {role: login for role, login in made.items() if _is_whole(login)}
    missing = [role for role in ROLES if role not in logins]
    if missing:
        raise CloudError(f"The seed gave no login for {', '.join(missing)}.")
    return logins


def _is_whole(login: Any) -> bool:
    return isinstance(login, dict) and bool(login.get("email")) and bool(login.get("password"))


def _start_daemon(place: Place, ports: Ports, api_id: str) -> None:
    with step("Starting the front door and the simulators"):
        _check_ports(ports, "front", "beem", "zenopay", "pawapay", "clickpesa")
        process = processes.spawn(
            [sys.executable, "-m", "sandbox", "serve", "--api-id", api_id],
            env=emulator.inherited() | ports.environment,
            cwd=ROOT,
            log=place.log(DAEMON),
        )
        place.keep_processes(place.processes() | {DAEMON: process})
        _wait_for_daemon(place, ports, process)


def _wait_for_daemon(place: Place, ports: Ports, process: processes.Process) -> None:
    deadline = time.monotonic() + _DAEMON_START_MAX_S
    while True:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{ports.public_url}/sandbox/", timeout=_CONTROL_TIMEOUT_S).ok:
                return
        if not process.is_running:
            raise CloudError("The front door ended while it was starting.", log=place.log(DAEMON))
        if time.monotonic() > deadline:
            raise CloudError(f"The front door was not there after {_DAEMON_START_MAX_S:.0f} s.", log=place.log(DAEMON))
        time.sleep(0.05)


def _tell_providers_where_to_call(ports: Ports, outputs: dict[str, str]) -> None:
    """What an operator types into the providers' portals: the addresses for reports and callbacks."""
    token = deployment.hand_in_keys(outputs, ports)
    for name, path in {
        "beem": f"sms/beem/{token}/",
        "pawapay": "payments/pawapay/",
        "clickpesa": "payments/clickpesa/",
    }.items():
        url = f"{ports.public_url}/api/webhooks/{path}"
        refunds = {"refund_url": f"{url}refunds/"} if name == "pawapay" else {}
        answer = requests.post(
            f"{ports.public_url}/sandbox/{name}/callback", json={"url": url, **refunds}, timeout=_CONTROL_TIMEOUT_S
        )
        answer.raise_for_status()


def _addresses(place: Place, ports: Ports) -> dict[str, Any]:
    return {
        "name": place.name,
        "api_url": f"{ports.front_url}/api",
        "sandbox_url": f"{ports.front_url}/sandbox",
        "endpoint_url": ports.endpoint_url,
        "ports": {name.removesuffix("_PORT").lower(): int(port) for name, port in ports.environment.items()},
        "pids": {role: process.pid for role, process in place.processes().items()},
    }


def _check_ports(ports: Ports, *names: str) -> None:
    for name in names:
        try:
            bound(getattr(ports, name), name).close()
        except PortTakenError as error:
            variable = f"{name.upper()}_PORT"
            raise CloudError(
                f"Port {error.port} {error.why}: choose another with {variable}=... or free this one."
            ) from error


def _runs(place: Place, role: str) -> bool:
    process = place.processes().get(role)
    return process is not None and process.is_running


def _all_run(place: Place) -> bool:
    return _runs(place, EMULATOR) and _runs(place, DAEMON)


def _end(place: Place, roles: list[str]) -> None:
    """End recorded processes, the last started first; a pid that is somebody else's by now is left alone."""
    started = place.processes()
    for role in roles:
        process = started.pop(role, None)
        if process is not None and not processes.end(process):
            print(f"The {role} (process {process.pid}) had ended already; nothing was signalled.")
        place.keep_processes(started)


@contextlib.contextmanager
def _locked(place: Place) -> Iterator[None]:
    """One `up` or `down` of a stack at a time; the system lets go of the lock if its holder dies."""
    with (place.local / f".{place.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CloudError(f"Another command is at work on the local cloud {place.name!r}: wait for it.") from error
        yield
