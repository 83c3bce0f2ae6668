"""Processes are known by pid and start time: what was started is ended with its children, and nobody else ever is."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import processes
from sandbox.processes import Process

SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
WITH_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(child.pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that none of our records speaks of."""
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as process:
        yield process
        process.kill()


def spawned(code: str, folder: Path) -> Process:
    return processes.spawn([sys.executable, "-c", code], env=dict(os.environ), cwd=folder, log=folder / "log")


def wait_for_output(folder: Path) -> str:
    deadline = time.monotonic() + 5
    while not (text := (folder / "log").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return text


def test_a_spawned_process_runs_until_it_is_ended(tmp_path: Path) -> None:
    process = spawned(SLEEP, tmp_path)

    assert process.is_running
    assert processes.end(process)
    assert not process.is_running


def test_a_process_that_ends_by_itself_is_seen_as_ended_and_not_ended_again(tmp_path: Path) -> None:
    process = spawned("import time; time.sleep(0.3)", tmp_path)
    deadline = time.monotonic() + 5
    while process.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert not processes.end(process)


def test_a_recycled_pid_is_neither_recognised_nor_signalled(stranger: subprocess.Popen[bytes]) -> None:
    recorded_long_ago = Process(stranger.pid, "another start time")

    assert not recorded_long_ago.is_running
    assert not processes.end(recorded_long_ago)
    assert stranger.poll() is None


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    process = spawned(WITH_CHILD, tmp_path)
    child = processes.of(int(wait_for_output(tmp_path)))

    processes.end(process)

    assert not child.is_running


def test_a_process_that_will_not_listen_is_killed(tmp_path: Path) -> None:
    process = spawned(STUBBORN, tmp_path)
    wait_for_output(tmp_path)

    assert processes.end(process, grace_s=0.2)
    assert not process.is_running


def test_ending_one_process_spares_its_siblings(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    process = spawned(SLEEP, tmp_path)

    processes.end(process)

    assert stranger.poll() is None


def test_a_pid_that_nobody_has_cannot_be_recorded() -> None:
    with pytest.raises(processes.ProcessEndedError):
        processes.of(2**22 + 1)


@pytest.mark.skipif(shutil.which("ps") is None, reason="this machine has /proc and no ps")
def test_ps_tells_the_same_processes_as_proc(stranger: subprocess.Popen[bytes]) -> None:
    rows = processes._ask_ps()

    assert rows[stranger.pid].parent == os.getpid()
    assert rows[stranger.pid].started
