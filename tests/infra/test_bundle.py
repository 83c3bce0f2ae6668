"""Bundles: what is inside, that it is the same on every machine, and that it is small and fast to import."""

import hashlib
import os
from pathlib import Path

import pytest

from infra.parts import bundle, bytecode
from infra.stage import named
from tests.infra.bundles import SLICES, zipped_bytes

LOCAL = named("local")
ZIP_BYTES_MAX = 9_000_000
_UNCHECKED_HASH = 0b01  # PEP 552: bit 0 says "by hash", bit 1 would say "check it"


def digest(folder: Path) -> str:
    seen = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            seen.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return seen.hexdigest()


def built() -> list[Path]:
    return [bundle.layer(LOCAL).build(), *(bundle.function(LOCAL, one).build() for one in SLICES)]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of two small slices, with a cache of its own."""
    for name in ("sms", "billing"):
        (tmp_path / "functions" / name).mkdir(parents=True)
        (tmp_path / "functions" / name / "api.py").write_text("handler = len\n")
    (tmp_path / "functions" / "__init__.py").write_text("")
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    monkeypatch.setattr(bundle, "CACHE", tmp_path / "build")
    return tmp_path


def test_the_layer_holds_the_kernel_and_leaves_the_sdk_to_the_runtime() -> None:
    inside = {path.name for path in (bundle.layer(LOCAL).build() / "python").iterdir()}
    assert {"mifumo", "pydantic", "pydantic_core", "aws_lambda_powertools"} <= inside
    assert not {"boto3", "botocore", "s3transfer", "dateutil", "six.py", "aws_xray_sdk"} & inside


def test_native_code_for_passwords_is_in_the_auth_bundle_alone() -> None:
    holders = [one for one in SLICES if (bundle.function(LOCAL, one).build() / "argon2").is_dir()]
    assert holders == ["auth"]


def test_what_makes_pdfs_is_in_the_bundle_of_who_prints_alone() -> None:
    printing = bundle.function(LOCAL, "billing", "printing").build()
    assert (printing / "fpdf").is_dir()
    assert (printing / "functions" / "billing" / "printing" / "DejaVuSans.ttf").is_file()
    assert not (printing / "PIL").exists(), "there are no pictures"
    for one in SLICES:
        own = bundle.function(LOCAL, one).build()
        assert not (own / "fpdf").exists()
        assert not list(own.rglob("*.ttf"))


def test_a_part_is_what_has_a_lock_of_its_own_in_a_slice() -> None:
    assert bundle.part_of("functions.billing.printing.worker.handler") == "printing"
    assert bundle.part_of("functions.billing.api.handler") == ""
    assert {one: bundle.parts(one) for one in SLICES if bundle.parts(one)} == {"billing": ["printing"]}


def test_what_no_import_needs_is_left_out() -> None:
    for folder in [*built(), bundle.function(LOCAL, "billing", "printing").build()]:
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert not [name for name in names if name.endswith(("RECORD", "INSTALLER", ".pyi", "requirements.txt"))]
        assert not [name for name in names if "/tests/" in name or name.split("/")[0] in {"bin", ".lock"}]


def test_every_module_has_bytecode_that_no_clock_can_make_stale() -> None:
    for folder in built():
        modules = list(folder.rglob("*.py"))
        assert modules
        for module in modules:
            (compiled,) = (module.parent / "__pycache__").glob(f"{module.stem}.cpython-*.pyc")
            assert int.from_bytes(compiled.read_bytes()[4:8], "little") == _UNCHECKED_HASH, module


@pytest.mark.parametrize("slice_name", SLICES)
def test_a_door_and_the_layer_stay_below_nine_megabytes(slice_name: str) -> None:
    layer = zipped_bytes(bundle.layer(LOCAL).build())
    door = zipped_bytes(bundle.function(LOCAL, slice_name).build())
    assert layer + door <= ZIP_BYTES_MAX


def test_a_bundle_built_again_elsewhere_is_the_same_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bundle.function(LOCAL, "auth")
    before = digest(first.build())
    monkeypatch.setattr(bundle, "CACHE", tmp_path)
    again = bundle.function(LOCAL, "auth")
    assert again.key == first.key
    assert again.build() != first.build().parent
    assert digest(tmp_path / again.key) == before


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_bundles_for_aws_carry_wheels_for_its_processor_and_python(stage: str) -> None:
    layer = bundle.layer(named(stage)).build()
    native = [file.name for file in layer.rglob("pydantic_core/*.so")]
    assert native == ["_pydantic_core.cpython-313-aarch64-linux-gnu.so"]


def test_a_slices_hash_moves_with_its_content_and_with_nothing_else(tree: Path) -> None:
    def key() -> str:
        return bundle.function(LOCAL, "sms").key

    before = key()
    door = tree / "functions" / "sms" / "api.py"
    os.utime(door, (1, 1))
    (tree / "functions" / "billing" / "api.py").write_text("handler = max\n")
    (tree / "functions" / "sms" / "__pycache__").mkdir()
    (tree / "functions" / "sms" / "__pycache__" / "api.cpython-311.pyc").write_bytes(b"stale")
    assert key() == before
    door.write_text("handler = min\n")
    assert key() != before


def test_a_bundle_that_nobody_asked_for_in_a_week_is_forgotten(tree: Path) -> None:
    old, used = bundle.function(LOCAL, "sms"), bundle.function(LOCAL, "billing")
    for one in (old, used):
        os.utime(one.build(), (1, 1))
    used.build()
    bundle.function(named("dev"), "billing").build()
    assert not (tree / "build" / old.key).exists()
    assert (tree / "build" / used.key).exists()


def test_the_hash_moves_with_the_target(tree: Path) -> None:
    assert tree.is_dir()
    assert bundle.function(named("prod"), "sms").key != bundle.function(LOCAL, "sms").key


def test_the_manual_rides_with_auth_only(tree: Path) -> None:
    (tree / "functions" / "auth").mkdir()
    (tree / "docs" / "api").mkdir(parents=True)
    (tree / "docs" / "api" / "openapi.json").write_text("{}")
    assert (bundle.function(LOCAL, "auth").build() / "functions" / "auth" / "openapi.json").read_text() == "{}"
    assert not list(bundle.function(LOCAL, "sms").build().rglob("openapi.json"))


def test_without_the_targets_interpreter_a_bundle_ships_without_bytecode_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "door.py").write_text("handler = len\n")
    bytecode.compile_all(tmp_path, python="3.1", mount="/var/task")
    assert not list(tmp_path.rglob("*.pyc"))
    assert "no Python 3.1 on this machine" in capsys.readouterr().err


def test_tracebacks_show_the_paths_that_lambda_has(tmp_path: Path) -> None:
    (tmp_path / "door.py").write_text("handler = len\n")
    bytecode.compile_all(tmp_path, python=LOCAL.python, mount="/var/task")
    (compiled,) = tmp_path.rglob("*.pyc")
    assert b"/var/task/door.py" in compiled.read_bytes()
