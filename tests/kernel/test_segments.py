"""SMS length: pinned vectors, the rules of the cut, and an outside calculator that must agree."""

import json
import random
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo import segments
from mifumo.segments import Encoding, Segmentation, Unsendable

_HERE = Path(__file__).parent
_VECTORS: list[dict[str, Any]] = json.loads((_HERE / "vectors" / "segments.json").read_text("utf-8"))
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
_BEYOND = "`ç\t\u2019\u00a0Αس\u0301\u200d😀🇹🇿👨👩"
_ROOM = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}
_ORACLE_TEXTS = 10_000
_ORACLE_SEED = 23_038


def _text(vector: dict[str, Any]) -> str:
    return "".join(piece * times for piece, times in vector["text"])


def _pieces(alphabet: str, longest: int) -> st.SearchStrategy[str]:
    """Repeated pieces reach the cuts far more often than texts drawn letter by letter."""
    runs = st.tuples(st.text(alphabet, min_size=1, max_size=4), st.integers(1, longest))
    return st.lists(runs, max_size=6).map(lambda drawn: "".join(piece * times for piece, times in drawn))


def _units(text: str, encoding: Encoding) -> int:
    if encoding is Encoding.UCS_2:
        return len(text.encode("utf-16-le")) // 2
    return len(text) + sum(char in _EXTENSION for char in text)


_GSM_TEXTS = _pieces(_BASIC + _EXTENSION, 80)
_SENDABLE_TEXTS = _GSM_TEXTS | _pieces(_BASIC + _EXTENSION + _BEYOND, 40)


@pytest.mark.parametrize("vector", _VECTORS, ids=[vector["id"] for vector in _VECTORS])
def test_a_known_text_has_the_known_length(vector: dict[str, Any]) -> None:
    expected = Segmentation(Encoding(vector["encoding"]), vector["units"], vector["segments"])
    assert segments.count(_text(vector)) == expected


def test_the_basic_table_has_the_127_characters_of_the_standard() -> None:
    assert len(set(_BASIC)) == 127
    assert [segments.count(char) for char in _BASIC] == [Segmentation(Encoding.GSM_7, 1, 1)] * 127


@given(char=st.characters(exclude_categories=["Cs"]))
def test_a_text_is_gsm_only_if_every_character_is_in_the_tables(char: str) -> None:
    in_tables = char in _BASIC + _EXTENSION
    assert (segments.count(f"Habari {char}").encoding is Encoding.GSM_7) is in_tables


@given(text=_SENDABLE_TEXTS)
def test_parts_join_to_the_text_and_are_as_many_as_counted(text: str) -> None:
    cut = segments.parts(text)
    assert "".join(cut) == text
    assert len(cut) == segments.count(text).segments


@given(text=_SENDABLE_TEXTS)
def test_each_part_fits_and_is_filled_until_the_next_character_does_not_fit(text: str) -> None:
    encoding = segments.count(text).encoding
    cut = segments.parts(text)
    room = _ROOM[encoding][len(cut) > 1]
    assert all(_units(part, encoding) <= room for part in cut)
    assert all(_units(part + after[0], encoding) > room for part, after in pairwise(cut))


@given(text=_SENDABLE_TEXTS, more=_SENDABLE_TEXTS)
def test_a_text_never_gets_shorter_when_more_is_written(text: str, more: str) -> None:
    assert segments.count(text).segments <= segments.count(text + more).segments


@given(text=st.text("ab \r\n"))
def test_normalising_leaves_no_windows_line_end_and_touches_nothing_else(text: str) -> None:
    normal = segments.normalise(text)
    assert "\r\n" not in normal
    assert segments.normalise(normal) == normal
    assert normal.replace("\r", "") == text.replace("\r", "")


@given(text=_SENDABLE_TEXTS)
def test_a_text_without_windows_line_ends_stays_as_it_is(text: str) -> None:
    unix = text.replace("\r", "")
    assert segments.normalise(unix) == unix


def test_a_windows_line_end_is_charged_as_one_character() -> None:
    assert segments.count(segments.normalise("Habari\r\nMteja")).units == 12


def test_letters_are_not_composed_silently() -> None:
    assert segments.normalise("e\u0301 \u2126") == "e\u0301 \u2126"


@pytest.mark.parametrize("code", [0x00, 0x1B, 0xD83D, 0xDE00], ids=["nul", "esc", "high", "low"])
def test_what_no_phone_can_show_is_refused_with_its_place(code: int) -> None:
    char = chr(code)
    with pytest.raises(Unsendable, match="character 10 of the text") as refusal:
        segments.normalise(f"Habari\r\n {char}{char}")
    assert (refusal.value.char, refusal.value.position) == (char, 9)


def test_the_outside_calculator_says_of_the_vectors_what_is_recorded() -> None:
    vectors = [vector for vector in _VECTORS if vector["units"] < 2_000]  # its time grows with the square
    opinions = _oracle([_text(vector) for vector in vectors])
    assert [opinion["segments"] for opinion in opinions] == [vector["oracle"] for vector in vectors]


def test_the_outside_calculator_agrees_on_random_texts() -> None:
    chance = random.Random(_ORACLE_SEED)
    texts = [_random_text(chance) for _ in range(_ORACLE_TEXTS)]
    compared = 0
    for text, opinion in zip(texts, _oracle(texts), strict=True):
        ours = segments.count(text)
        if not opinion["whole"]:  # the documented difference: it never cuts a grapheme
            assert ours.segments <= opinion["segments"], ascii(text)
            continue
        compared += 1
        theirs = Segmentation(Encoding(opinion["encoding"]), opinion["units"], opinion["segments"])
        assert ours == theirs, ascii(text)
    assert compared > _ORACLE_TEXTS // 2


def _random_text(chance: random.Random) -> str:
    """A text near a cut, from one of three alphabets, never empty."""
    alphabet = chance.choice([_BASIC + _EXTENSION, "ab{€", "ab{\u2019س😀", _BASIC + _EXTENSION + _BEYOND])
    length = max(1, chance.choice([1, 35, 70, 80, 134, 160, 201, 306, 459]) + chance.randint(-4, 4))
    return "".join(chance.choices(alphabet, k=length))


def _oracle(texts: list[str]) -> list[dict[str, Any]]:
    """One node process answers for all texts; without its package this fails, it is never skipped."""
    ours = Path(sys.prefix) / "bin" / "node"
    node = str(ours) if ours.exists() else shutil.which("node")
    assert node, "no node found: set the environment up first (make setup)"
    command = [node, str(_HERE / "oracle.cjs")]
    answer = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    opinions: list[dict[str, Any]] = json.loads(answer.stdout)
    return opinions
