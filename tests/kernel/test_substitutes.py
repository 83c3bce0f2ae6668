"""Substitutes, for any text: they spare segments, change no letter, and can be told from what was asked for."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from mifumo import segments, substitutes
from mifumo.segments import Encoding
from mifumo.substitutes import TABLE, Replaced

# Texts that are nearly plain, as people write them: most of what is to be replaced comes in runs among letters.
_PLAIN = "Habari ndugu, salio lako ni TSh 10,000/=. "
_TEXTS = st.lists(
    st.tuples(st.sampled_from([*TABLE, *_PLAIN, "ç", "ı", "ã", "😀", "€"]), st.integers(1, 60)), max_size=12
).map(lambda runs: "".join(char * times for char, times in runs))


def test_the_table_has_no_letters_and_nothing_becomes_a_question_mark() -> None:
    for char, by in TABLE.items():
        assert not unicodedata.category(char).startswith(("Lu", "Ll", "Lt", "Lo", "N")), char
        assert "?" not in by
        assert segments.count(char).encoding is Encoding.UCS_2, "what is GSM-7 needs no substitute"
        assert segments.count(by).encoding is Encoding.GSM_7


def test_known_texts() -> None:
    for asked, sent in {
        "It\u2019s \u201chere\u201d \u2013 now\u2026": 'It\'s "here" - now...',
        "\ufeffHabari\u00a0Asha\tJuma\u200b": "Habari Asha Juma",
        "Ça coûte 5 \u2014 ou 6": "Ça coûte 5 - ou 6",
        "Habari": "Habari",
        "😀\u2019": "😀'",
        "\u200b": "\u200b",
        "\u2026" * 70: "\u2026" * 70,
    }.items():
        assert substitutes.plainer(asked) == sent, asked
    assert substitutes.replaced("It\u2019s \u2018x\u2019", "It's 'x'") == [
        Replaced("\u2019", "'", 2),
        Replaced("\u2018", "'", 1),
    ]
    assert substitutes.replaced("same\u2019", "same\u2019") == []


@given(_TEXTS)
def test_it_never_costs_more_and_a_second_time_changes_nothing(text: str) -> None:
    sent = substitutes.plainer(text)
    before, after = segments.count(text), segments.count(sent)
    assert after.segments <= before.segments
    assert substitutes.plainer(sent) == sent


@given(_TEXTS)
def test_letters_and_everything_else_stay_as_they_were_and_what_changed_is_told(text: str) -> None:
    sent = substitutes.plainer(text)
    told = {one.char: one.by for one in substitutes.replaced(text, sent)}
    assert "".join(told.get(char, char) for char in text) == sent
    kept = [char for char in text if char not in TABLE]
    assert [char for char in sent if char not in set(TABLE.values()) | {"."}] == [
        char for char in kept if char not in set(TABLE.values()) | {"."}
    ] or sent == text
    assert sent.count("?") == text.count("?")
