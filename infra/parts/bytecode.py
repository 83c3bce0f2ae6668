"""Bytecode in a bundle: without it every cold start compiles every module again, which doubles the import.

Lambda's zips carry no honest times, so the files are marked as never to be checked against their source
("unchecked-hash"). Only an interpreter of the target's own minor version writes bytecode that the target reads.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SHOW_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def compile_all(folder: Path, *, python: str, mount: str) -> None:
    """Compiles every module below the folder; tracebacks will show paths below `mount`."""
    interpreter = compiler(python)
    if not interpreter:
        _note(python)
        return
    invalidation = ["--invalidation-mode", "unchecked-hash"]
    paths = ["-s", str(folder), "-p", mount, str(folder)]
    subprocess.run(  # noqa: S603 (an interpreter that told its version, and arguments that are all ours)
        [interpreter, "-m", "compileall", "-q", *invalidation, *paths],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},  # the same source gives the same bytes
    )


@cache
def _note(python: str) -> None:
    sys.stderr.write(
        f"note: no Python {python} on this machine, so these bundles have no bytecode, and cold starts take about "
        f"twice as long. `uv python install {python}` mends it.\n"
    )


@cache
def compiler(python: str) -> str | None:
    """An interpreter of that minor version which runs, or None."""
    return next((path for path in _candidates(python) if _answer([path, "-c", _SHOW_VERSION]) == python), None)


def _candidates(python: str) -> Iterator[str]:
    yield sys.executable
    if on_path := shutil.which(f"python{python}"):
        yield on_path
    beside = Path(sys.executable).parent / "uv"
    if uv := str(beside) if beside.is_file() else shutil.which("uv"):
        yield _answer([uv, "python", "find", "--no-project", "--no-python-downloads", python])


def _answer(command: list[str]) -> str:
    """The command's one line, or nothing: a version manager's shim may exist and still refuse to run."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
