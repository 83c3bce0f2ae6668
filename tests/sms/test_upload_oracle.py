"""Uploads against an oracle: whatever is in a file, the quote is what counting row by row comes to, and it is the bill.

A hundred random files, fifty with `smart_encoding`, go the whole way: the splitter reads them, half of them under too
little time, the quote is sent, its parts are laid out, workers hand them to a Beem over HTTP, and what is charged at
last is compared with what was counted by hand. Few have no row that can be sent to, and end as refused. The arithmetic
between texts, quote and bill is shown alone for a thousand campaigns in `test_quote_is_bill.py`.
"""

import csv
import io
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from functions.sms.plans import parts
from mifumo import phone, segments, spreadsheets, substitutes
from tests.sms import files
from tests.sms.world import World

NUMBERS = st.integers(0, 40).map(lambda n: f"07120000{n:02d}")
NOT_TAKEN = "006"
WRITTEN = st.one_of(
    NUMBERS,
    NUMBERS.map(lambda n: n[1:]),
    NUMBERS.map(lambda n: f"'+255{n[1:]}"),
    NUMBERS.map(lambda n: f" {n[:4]}\u00a0{n[4:]} "),
    NUMBERS.map(lambda n: f"{n[1:]}.0"),
    st.sampled_from(["7.12E+08", "", "12", "abc", "+254712345678"]),
)
# Often the same, as each text is a call of the provider, and some that no text can be made of.
SOME = st.sampled_from(["Asha", "Asha", "", " ", "1.2E+09", "x" * 1_600])
NAMES = st.one_of(SOME, st.text(alphabet=st.sampled_from("aAé’ñă[😀 ;,\"'\n"), max_size=30))
ROWS = st.lists(st.tuples(NAMES, WRITTEN), min_size=4, max_size=16)
BODIES = st.sampled_from(["Habari {{name}}, karibu! " + "x" * 40, "{{name}}", "Habari … wote – " + "y" * 60])


@dataclass
class Counted:
    """What a file comes to, counted as one would by hand: each row, each number once, each text by itself."""

    to: dict[str, str]
    price: int = 0
    refused: int = 0
    duplicates: int = 0
    not_taken: int = 0
    """What the texts cost whose number the network does not know: the bill is so much less."""


def counted(rows: list[tuple[str, str]], body: str, *, smart: bool) -> Counted:
    """Counts what the rows of a file come to with a text."""
    found = Counted({})
    for name, written in rows:
        # Our own exports put an apostrophe before some cells: the tests of contacts say which.
        meant = spreadsheets.meant(name.strip())
        try:
            digits = phone.parse(written).digits
        except phone.InvalidNumber:
            found.refused += bool(name or written)
            continue
        text = segments.normalise(body.replace("{{name}}", meant).strip())
        text = substitutes.plainer(text) if smart else text
        named = "{{name}}" in body
        if digits in found.to:
            found.duplicates += 1
        elif (named and (not meant or meant == "1.2E+09")) or segments.count(text).segments > 10:
            found.refused += 1
        else:
            found.to[digits] = text
            found.price += segments.count(text).segments
            found.not_taken += segments.count(text).segments if digits.endswith(NOT_TAKEN) else 0
    return found


@pytest.fixture
def oracle(world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Makes parts so small that a file of a few rows has several."""
    monkeypatch.setattr(parts, "RECIPIENTS_MAX", 6)
    monkeypatch.setattr(parts, "CHUNKS_MAX", 4)
    world.spend_all_but(100_000)
    return world


@pytest.mark.parametrize("smart", [False, True])
@settings(
    max_examples=50,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=ROWS,
    body=BODIES,
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
    looks=st.sampled_from([1, 100]),
)
def test_the_quote_is_what_counting_by_hand_comes_to_and_the_bill_is_the_quote(
    oracle: World,
    campaigns_bucket: str,
    rows: list[tuple[str, str]],
    body: str,
    delimiter: str,
    end: str,
    mark: str,
    *,
    smart: bool,
    looks: int,
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("name", "simu"), *rows])
    by_hand = counted(rows, body, smart=smart)

    made = files.campaign(oracle, text=body, smart_encoding=smart)
    files.split_all(files.put(campaigns_bucket, made, mark + out.getvalue()), looks=looks)
    quote = files.read(oracle, made)
    assert (quote["accepted"], quote["price"]) == (len(by_hand.to), by_hand.price)
    assert (quote["refused"], quote["duplicates"]) == (by_hand.refused, by_hand.duplicates)
    assert quote["state"] == ("ready" if by_hand.to else "refused")
    if not by_hand.to:
        return

    available, _ = oracle.wallet()
    order = {"quote_id": quote["id"], "allow_repeat": True}
    status, batch = oracle.call("POST", "/api/sms/batches/", order)
    assert (status, batch["price"], batch["accepted"]) == (202, by_hand.price, len(by_hand.to))
    assert oracle.wallet() == (available - by_hand.price, by_hand.price)
    oracle.beem.clear()
    oracle.lay()
    oracle.work()
    done, bill = oracle.batch(batch["id"]), by_hand.price - by_hand.not_taken
    assert (done["status"], done["charged"], oracle.wallet()) == ("completed", bill, (available - bill, 0))
    sent = Counter((one["dest_addr"], one["message"]) for one in oracle.beem.log())
    assert sent == Counter(one for one in by_hand.to.items() if not one[0].endswith(NOT_TAKEN))
