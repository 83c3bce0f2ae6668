"""Background processes: started in a session of their own, known again by start time, ended with their children.

A pid alone names nobody: the system gives it to another program once its owner has ended. Nothing here ever signals a
process whose start time is not the recorded one.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LOOK_AGAIN_S = 0.05
_GRACE_S = 10.0


@dataclass(frozen=True)
class Process:
    """A process that is known again, whoever has its pid later."""

    pid: int
    started: str

    @property
    def is_running(self) -> bool:
        return _table().get(self.pid, _NOBODY).started == self.started


@dataclass(frozen=True)
class _Row:
    parent: int
    started: str


_NOBODY = _Row(parent=0, started="")


class ProcessEndedError(RuntimeError):
    """A process was gone before it could be recorded."""


def spawn(command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start a process that outlives this one; what it says goes to a file, and nothing is typed into it."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            [str(word) for word in command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # The record outlives this object, which would otherwise warn that its child still runs.
    child.returncode = 0
    return of(child.pid)


def of(pid: int) -> Process:
    row = _table().get(pid)
    if row is None:
        raise ProcessEndedError(f"process {pid} has ended")
    return Process(pid, row.started)


def end(process: Process, *, grace_s: float = _GRACE_S) -> bool:
    """End a process and its descendants: ask it first, then insist. False when it was not running (any more)."""
    if not process.is_running:
        return False
    family = [process, *_descendants(process)]
    _signal(process, signal.SIGTERM)
    _wait(family[:1], grace_s)
    # What the process left behind is in its family as it was recorded before, under its own start time.
    for member in family:
        _signal(member, signal.SIGKILL)
    _wait(family, grace_s)
    return True


def _descendants(process: Process) -> list[Process]:
    table = _table()
    found: list[Process] = []
    parents = {process.pid}
    while parents:
        children = {pid for pid, row in table.items() if row.parent in parents}
        found += [Process(pid, table[pid].started) for pid in sorted(children)]
        parents = children
    return found


def _signal(process: Process, number: signal.Signals) -> None:
    if process.is_running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _wait(processes: Sequence[Process], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while any(process.is_running for process in processes) and time.monotonic() < deadline:
        _reap(processes)
        time.sleep(_LOOK_AGAIN_S)
    _reap(processes)


def _reap(processes: Sequence[Process]) -> None:
    """Take leave of those that are our own children; for all others the system does."""
    for process in processes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)


def _table() -> dict[int, _Row]:
    """Every process that has not ended."""
    return _read_proc() if (_PROC / "self" / "stat").exists() else _ask_ps()


def _read_proc() -> dict[int, _Row]:
    table = {}
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            # The command's name comes second, in brackets, and may hold anything; the state follows it.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            state, parent, started = fields[0], int(fields[1]), fields[19]
            if state not in {"Z", "X"}:
                table[int(folder.name)] = _Row(parent, f"tick {started} since boot {_boot_id()}")
    return table


def _boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _ask_ps() -> dict[int, _Row]:
    """Where there is no /proc, as on a Mac."""
    command = ["ps", "-axo", "pid=,ppid=,stat=,lstart="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.splitlines()
    rows = (line.split(None, 3) for line in lines)
    return {
        int(pid): _Row(int(parent), started.strip())
        for pid, parent, state, started in rows
        if not state.startswith("Z")
    }
