"""The repository holds no secret: nothing that opens a cloud, a tenant or a signature stands in a file of it."""

import re
import string
import zlib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from mifumo import keys
from mifumo.modes import Mode
from sandbox.places import ROOT

_LINES = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
_IGNORED = [".git", *(line.strip("/") for line in _LINES if line and not line.startswith("#"))]
_BASE_62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORMS = {
    "a key of AWS": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64,}"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[0-9A-Za-z]{36}\b"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}\b"),
}


def _found(text: str) -> Iterator[str]:
    yield from (what for what, form in _FORMS.items() if form.search(text))
    if any(_is_real(key.group()) for key in keys.FORM.finditer(text)):
        yield "an API key"


def _is_real(key: str) -> bool:
    """Says whether the last six are the check of the rest, as a scanner of leaks reads it: CRC-32 to the base of 62."""
    number, check = zlib.crc32(key[:-6].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        check = _BASE_62[digit] + check
    return key.endswith(check)


def _texts() -> Iterator[tuple[str, str]]:
    for path in _files(ROOT):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8", errors="replace")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in _IGNORED):
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def test_a4_no_file_of_the_repository_holds_a_secret() -> None:
    assert [f"{path}: {what}" for path, text in _texts() for what in _found(text)] == []


def test_a4_files_that_hold_secrets_are_ignored_or_absent() -> None:
    assert {".env", ".env.*"} <= set(_IGNORED)
    assert [path for path, _ in _texts() if path.endswith((".pem", ".p12", ".pfx", "credentials"))] == []


@pytest.mark.parametrize(
    ("secret", "what"),
    [
        ("AKIA" + "ABCDEFGH12345678", "a key of AWS"),
        ("-----BEGIN " + "PRIVATE KEY-----\n" + "QUJD" * 20, "a private key"),
        ("ghp_" + "a1B2" * 9, "a token of GitHub"),
        (".".join(["eyJ" + "hbGciOiJIUzI1NiJ9", "eyJ" + "zdWIiOiJ1MSJ9aa", "s" * 43]), "a signed token"),
    ],
)
def test_a_secret_that_is_there_is_seen(secret: str, what: str) -> None:
    assert list(_found(f"KEY = '{secret}'")) == [what]


def test_a_real_api_key_is_seen_and_an_example_of_one_is_not() -> None:
    assert list(_found(keys.mint(Mode.LIVE))) == ["an API key"]
    assert list(_found("mfk_live_" + "x" * 38)) == []
