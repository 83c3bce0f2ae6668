"""Imports: what a cold start has to load, as a ratio to `import botocore.session` in the same rounds, and zip sizes.

Each figure is the median of fresh processes that see the built bundle, the layer and the runtime's SDK and nothing
else, with the bytecode that is shipped. The rounds are interleaved, so that a busy machine slows all of them alike.
Importing a handler builds its clients as well; importing botocore builds none.
"""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from infra.parts import bundle
from infra.stage import named
from tests.infra.bundles import SLICES, environments, link_runtime, run_alone, zipped_bytes

BASELINE = "botocore.session"
ROUNDS = 9
_STAGE = "local"  # its bundles are for this machine and its Python; those of AWS differ in their wheels only
_SCRIPT = """
import time
started = time.perf_counter()
import importlib
importlib.import_module(sys.argv[1])
took = time.perf_counter() - started
import json
print(json.dumps([took, len(sys.modules)]))
"""
# Making a Tracer loads the X-Ray SDK; Powertools imports the class itself everywhere, which costs nothing.
FORBIDDEN = ("aws_xray_sdk", "phonenumbers.geocoder")
OF_AUTH_ALONE = ("argon2", "cryptography")
_MODULES = """
import importlib, json
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


@dataclass(frozen=True)
class Imported:
    """How long one import takes, how much longer than the baseline, and how many modules it loads."""

    module: str
    ms: float
    ratio: float
    modules: int


def handlers() -> list[str]:
    """Lists the modules of all deployed handlers."""
    return sorted(handler.rpartition(".")[0] for handler in environments())


def measure(rounds: int = ROUNDS) -> list[Imported]:
    """Imports the baseline and every handler, that often each, in random order."""
    taken: dict[str, list[list[float]]] = {module: [] for module in [BASELINE, *handlers()]}
    with _sdk() as sdk:
        for _ in range(rounds):
            for module in random.sample(sorted(taken), len(taken)):
                taken[module].append(_run(_SCRIPT, module, sdk))
    base = median(run[0] for run in taken[BASELINE])
    return [_imported(module, runs, base) for module, runs in taken.items()]


def loaded(module: str) -> list[str]:
    """Lists the modules that are loaded once a handler is."""
    with _sdk() as sdk:
        seen: list[str] = _run(_MODULES, module, sdk)
    return seen


def forbidden(module: str, seen: list[str]) -> list[str]:
    """Lists what a handler must not load, and has."""
    names = FORBIDDEN if _slice(module) == "auth" else FORBIDDEN + OF_AUTH_ALONE
    return [name for name in seen if any(name == one or name.startswith(f"{one}.") for one in names)]


def zips() -> dict[str, tuple[int, int]]:
    """The bytes of (layer, function) as they are uploaded, by slice."""
    layer = zipped_bytes(bundle.layer(named(_STAGE)).build())
    return {name: (layer, zipped_bytes(bundle.function(named(_STAGE), name).build())) for name in SLICES}


@contextmanager
def _sdk() -> Iterator[Path]:
    """Puts the SDK of Lambda's runtime into a folder for a while."""
    with tempfile.TemporaryDirectory() as folder:
        yield link_runtime(Path(folder))


def _imported(module: str, runs: list[list[float]], base: float) -> Imported:
    seconds = median(run[0] for run in runs)
    return Imported(module, seconds * 1000, seconds / base, int(runs[0][1]))


def _run(script: str, module: str, sdk: Path) -> Any:
    part = bundle.part_of(f"{module}.handler") if module.startswith("functions.") else ""
    return run_alone(script, module, slice_name=_slice(module), part=part, environment={}, sdk=sdk)


def _slice(module: str) -> str:
    """The slice whose bundle is unpacked; the baseline is imported beside any."""
    return module.split(".")[1] if module.startswith("functions.") else SLICES[0]
