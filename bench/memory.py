"""Memory: how much a process has had at most, where the system tells."""

from pathlib import Path


def peak_mb(process: Path = Path("/proc/self")) -> float:
    """Reads it of a process; `getrusage` would count what its parent had as well. Raises OSError when it is gone."""
    status = (process / "status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
