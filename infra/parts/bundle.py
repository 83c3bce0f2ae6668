"""A bundle: the folder that becomes one Lambda zip, built once per content without Docker.

CDK's own bundling hook would need a Docker image by name and would build again into every output folder. Here a bundle
is a plain folder under build/bundles/, named by the hash of all that goes into it; the stages of a test run, a synth
and a deploy share it, and a synth that changes nothing builds nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from infra.parts import bytecode
from infra.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "bundles"
_KEPT_S = 7 * 24 * 3600
_LEFT_OUT = frozenset({"__pycache__", "requirements.in", "requirements.txt"})
_UNUSED = (
    # Pictures for PDFs that have none.
    "PIL",
    "pillow.libs",
    # argon2's binding is compiled against cffi's C core; the code generator and its parser have done their work.
    "cffi",
    "pycparser",
    # Pydantic's first version, for models that were written for it; asked for only by classes that validate its way.
    "pydantic/v1",
    # Parts of Powertools that none of its other parts imports, and neither do we.
    "aws_lambda_powertools/utilities/auth_alpha",
    "aws_lambda_powertools/utilities/circuit_breaker",
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/streaming",
)
_DIST_INFO_KEPT = frozenset({"METADATA", "licenses", "entry_points.txt"})


@dataclass(frozen=True)
class Bundle:
    """`files` maps a place in the zip to its source, `requirements` is a hashed lock installed at `prefix`."""

    stage: Stage
    files: Mapping[str, Path]
    requirements: Path | None
    prefix: str
    mount: str
    """Where Lambda unpacks it: the path that tracebacks show."""

    @cached_property
    def key(self) -> str:
        """The hash of the recipe, the target and every byte of the sources; times and machines leave no trace."""
        digest = hashlib.sha256(Path(__file__).read_bytes())
        platform = self.stage.wheels or sysconfig.get_platform()
        compiled = bytecode.compiler(self.stage.python) is not None
        digest.update(f"{self.stage.python} {platform} {self.prefix} {self.mount} {compiled}".encode())
        for place, source in sorted({**self.files, **self._lock()}.items()):
            content = source.read_bytes()
            digest.update(f"\n{place} {len(content)}\n".encode() + content)
        return digest.hexdigest()

    def build(self) -> Path:
        """Returns the built folder; the last step is a rename, so a half-built bundle is never seen."""
        built = CACHE / self.key
        if built.is_dir():
            os.utime(built)
            return built
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".building-") as scratch:
            out = Path(scratch) / "bundle"
            (out / self.prefix).mkdir(parents=True)
            if self.requirements:
                _install(self.requirements, out / self.prefix, self.stage)
            for place, source in self.files.items():
                (out / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, out / place)
            bytecode.compile_all(out, python=self.stage.python, mount=self.mount)
            _keep(out, built)
        _forget_old_ones()
        return built

    def _lock(self) -> Mapping[str, Path]:
        return {"requirements": self.requirements} if self.requirements else {}


def layer(stage: Stage) -> Bundle:
    """The kernel and the libraries it stands on; boto3 is the runtime's."""
    source = ROOT / "layers" / "common"
    return Bundle(
        stage=stage,
        files={path.relative_to(source).as_posix(): path for path in _sources(source / "python" / "mifumo")},
        requirements=source / "requirements.txt",
        prefix="python",
        mount="/opt",
    )


def function(stage: Stage, slice_name: str, part: str = "") -> Bundle:
    """One slice alone under its own import path, with the libraries that only it needs.

    A part is a folder of the slice with a lock of its own: what is in it goes into the bundle of its functions alone,
    which has the rest of the slice as well.
    """
    folder = ROOT / "functions" / slice_name
    others = [place for place in parts(slice_name) if place != part]
    sources = [
        ROOT / "functions" / "__init__.py",
        *(path for path in _sources(folder) if path.relative_to(folder).parts[0] not in others),
    ]
    files = {path.relative_to(ROOT).as_posix(): path for path in sources if path.is_file()}
    manual = ROOT / "docs" / "api" / "openapi.json"
    if slice_name == "auth" and manual.is_file():
        files["functions/auth/openapi.json"] = manual  # the slice that serves /api/docs carries the whole API
    lock = folder / part / "requirements.txt"
    return Bundle(stage=stage, files=files, requirements=lock if lock.is_file() else None, prefix="", mount="/var/task")


def parts(slice_name: str) -> list[str]:
    """Lists the parts of a slice."""
    return sorted(lock.parent.name for lock in (ROOT / "functions" / slice_name).glob("*/requirements.txt"))


def part_of(handler: str) -> str:
    """Returns the part that a handler lives in; empty for one of the slice itself."""
    _, slice_name, folder, *_ = handler.split(".")
    return folder if folder in parts(slice_name) else ""


def _keep(out: Path, built: Path) -> None:
    try:
        out.rename(built)
    except OSError:
        if not built.is_dir():  # otherwise another process was faster, with the same content
            raise


def _forget_old_ones() -> None:
    """Removes what nobody asked for in a week: every change of the layer leaves 20 MB."""
    for folder in CACHE.iterdir():
        if folder.stat().st_mtime < time.time() - _KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not _LEFT_OUT.intersection(path.parts) and path.suffix != ".pyc":
            yield path


def _install(lock: Path, target: Path, stage: Stage) -> None:
    """Wheels only, each checked against its hash; the lock is complete, so nothing is resolved."""
    platform = ["--python-platform", stage.wheels] if stage.wheels else []
    # fmt: off
    command = [
        _uv(), "pip", "install", "--quiet", "--python", sys.executable, "--python-version", stage.python, *platform,
        "--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy",
        "--target", str(target), "--requirements", str(lock),
    ]
    # fmt: on
    subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603 (uv, with arguments that are all ours)
    _trim(target)


def _trim(target: Path) -> None:
    """Drops what no import needs: installers' notes, scripts, test suites, and bytecode of the wrong kind."""
    for info in target.glob("*.dist-info"):
        _remove(path for path in info.iterdir() if path.name not in _DIST_INFO_KEPT)
    _remove(target / name for name in ("bin", ".lock", *_UNUSED))
    _remove(target.glob("*/tests"))
    _remove(target.glob("ecdsa/test_*.py"))
    # Data on emergency numbers and the like, loaded region by region when somebody asks for one; nobody does.
    _remove(target.glob("phonenumbers/shortdata/region_*.py"))
    _remove(list(target.rglob("__pycache__")))
    _remove(target.rglob("*.pyi"))


def _remove(paths: Iterator[Path] | list[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        sys.exit("bundling needs uv, beside this Python or on PATH")
    return found
