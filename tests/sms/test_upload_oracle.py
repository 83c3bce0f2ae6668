"""Uploads against an oracle: whatever is in a file, the quote is what counting row by row comes to."""

import csv
import io
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mifumo import phone, segments
from tests.sms import files
from tests.sms.files import quoted
from tests.sms.world import World

NUMBERS = st.integers(0, 40).map(lambda n: f"07120000{n:02d}")
WRITTEN = st.one_of(
    NUMBERS,
    NUMBERS.map(lambda n: n[1:]),
    NUMBERS.map(lambda n: f"'+255{n[1:]}"),
    NUMBERS.map(lambda n: f" {n[:4]}\u00a0{n[4:]} "),
    NUMBERS.map(lambda n: f"{n[1:]}.0"),
    st.sampled_from(["7.12E+08", "", "12", "abc", "+254712345678"]),
)
NAMES = st.text(alphabet=st.sampled_from("aAé’ñă[😀 ;,\"'\n"), max_size=30)
ROWS = st.lists(st.tuples(NAMES, WRITTEN), max_size=40)
TEXT = "Habari {{name}}, karibu! " + "x" * 40


def expected(rows: list[tuple[str, str]]) -> dict[str, Any]:
    """Counts as one would by hand: each row, each number once, each text by itself."""
    seen, price, refused, duplicates = set[str](), 0, 0, 0
    for name, written in rows:
        meant = name.replace("\u00a0", " ").strip()
        try:
            digits = phone.parse(written).digits
        except phone.InvalidNumber:
            refused += bool(name or written)
            continue
        if digits in seen:
            duplicates += 1
        elif not meant:
            refused += 1
        else:
            seen.add(digits)
            price += segments.count(segments.normalise(TEXT.replace("{{name}}", meant).strip())).segments
    return {"accepted": len(seen), "price": price, "refused": refused, "duplicates": duplicates}


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_the_quote_is_what_counting_by_hand_comes_to(
    world: World, campaigns_bucket: str, rows: list[tuple[str, str]], delimiter: str, end: str, mark: str
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("name", "simu"), *rows])
    found = quoted(world, campaigns_bucket, mark + out.getvalue(), text=TEXT)
    counted = expected(rows)
    assert {name: found[name] for name in counted} == counted
    assert found["state"] == ("ready" if counted["accepted"] else "refused")
    made = files.chunks(campaigns_bucket, found)
    assert sum(one["segments"] * len(one["to"]) for one in made) == counted["price"]
    assert all(segments.count(one["text"]).segments == one["segments"] for one in made)
