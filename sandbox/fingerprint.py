"""Fingerprints of what runs: an `up` does again only that whose sources have changed since the last one."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sandbox.places import ROOT
from sandbox.ports import Ports

_LEFT_OUT = frozenset({"__pycache__", ".DS_Store"})


def emulator(ports: Ports) -> str:
    return _of([ROOT / "requirements" / "cloud.txt"], str(ports.cloud))


def stacks(ports: Ports) -> str:
    """What is deployed, what deploys it, and the ports that the stage reads."""
    sources = ["infra", "functions", "layers", "tools", "cdk.json", "package-lock.json", "requirements/dev.txt"]
    return _of([ROOT / source for source in sources], str(sorted(ports.environment.items())))


def daemon(ports: Ports) -> str:
    return _of([ROOT / "sandbox"], str(sorted(ports.environment.items())))


def _of(sources: Iterable[Path], salt: str) -> str:
    digest = hashlib.sha256(salt.encode())
    for source in sources:
        for file in sorted(_files(source)):
            content = file.read_bytes()
            digest.update(f"\n{file.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return [
        file
        for file in source.rglob("*")
        if file.is_file() and not _LEFT_OUT.intersection(file.parts) and file.suffix != ".pyc"
    ]
