"""Where the local cloud keeps its things: one file and one folder for each named stack."""

import json
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.processes import Process

ROOT = Path(__file__).resolve().parents[1]
LOCAL = ROOT / ".local"
CLOUD_VENV = LOCAL / "cloud-venv"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


class NameInvalidError(ValueError):
    """A stack cannot be called that."""


@dataclass(frozen=True)
class Place:
    """One stack's place below .local/: NAME.json for whoever uses the stack, NAME/ for what keeps it running."""

    name: str
    local: Path = LOCAL

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == CLOUD_VENV.name:
            raise NameInvalidError(f"{self.name!r} is no name for a stack: small letters, digits and hyphens")

    @property
    def folder(self) -> Path:
        return self.local / self.name

    @property
    def stack_file(self) -> Path:
        return self.local / f"{self.name}.json"

    def prepare(self) -> None:
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)

    def forget(self) -> None:
        """Remove the stack's state, and the lock last of all."""
        self.stack_file.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def stack(self) -> dict[str, Any]:
        """What `up` told the users of the stack; empty when it is not up."""
        return _read(self.stack_file)

    def keep_stack(self, stack: dict[str, Any]) -> None:
        _write(self.stack_file, stack)

    def processes(self) -> dict[str, Process]:
        """What was started and not yet ended, recorded the moment it was started."""
        return {role: Process(**process) for role, process in _read(self.folder / "processes.json").items()}

    def keep_processes(self, processes: dict[str, Process]) -> None:
        _write(self.folder / "processes.json", {role: asdict(process) for role, process in processes.items()})


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    if not isinstance(content, dict):
        raise TypeError(f"{file} holds no JSON object")
    return content


def _write(file: Path, content: dict[str, Any]) -> None:
    """Write whole or not at all, readable by its owner alone: it holds the logins."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.", delete=False) as scratch:
        json.dump(content, scratch, indent=2)
    Path(scratch.name).replace(file)
