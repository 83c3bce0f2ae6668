"""Quote = bill: what the parts of a plan are quoted at is what its chunks hold, and what they cost when they are taken.

A thousand random campaigns go through the pure parts alone: rendering, chunks, parts as they are written and read, the
sum of a plan, and what is handed over. `test_upload_oracle.py` takes a hundred files through all handlers.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.sms.batches import batches
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Lane, State
from functions.sms.content import rendering
from functions.sms.plans import parts
from functions.sms.plans.parts import Ready
from functions.sms.plans.plans import Extent
from mifumo import segments, substitutes
from mifumo.ids import BatchId
from tests.sms.world import TENANT

# Values that make a text longer or shorter, GSM-7 or UCS-2, more than one segment, or plain with smart encoding.
_VALUES = st.tuples(
    st.sampled_from(["Asha", "Juma", "€", "ç", "\u2019", "\u2026", "😀", "x" * 150, "{{name}}", " "]), st.integers(1, 9)
).map(lambda drawn: drawn[0] * drawn[1])
_CAMPAIGNS = st.tuples(
    st.sampled_from(["Habari {{name}}", "Habari wote", "{{name}}, deni lako ni TSh {{amount}}." + " Asante" * 12]),
    st.lists(st.tuples(_VALUES, _VALUES), min_size=1, max_size=40),
    st.integers(1, 90),
    st.integers(1, 12),
    st.booleans(),
)


def laid_out(body: str, values: list[tuple[str, str]], times: int, *, smart: bool) -> tuple[list[Ready], int]:
    """Lays a campaign out; returns its chunks, and what its texts cost one by one."""
    people = [
        (f"25571{place + 100:07d}", {"name": name, "amount": amount})
        for place, (name, amount) in enumerate(pair for pair in values for _ in range(times))
    ]
    one_by_one = 0
    for _, own in people:
        text = rendering.render(body, own)
        one_by_one += segments.count(substitutes.plainer(text) if smart else text).segments
    return list(parts.chunked(rendering.grouped(body, people), first=1, smart=smart)), one_by_one


@pytest.mark.usefixtures("aws_tables")
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_CAMPAIGNS)
def test_the_quote_is_the_sum_of_the_texts_and_the_bill_for_any_of_a_thousand_campaigns(
    campaign: tuple[str, list[tuple[str, str]], int, int, bool],
) -> None:
    body, values, times, a_part, smart = campaign
    ready, one_by_one = laid_out(body, values, times, smart=smart)
    extent = Extent()
    for first in range(0, len(ready), a_part):
        written = [parts._of(parts._line(one)) for one in ready[first : first + a_part]]
        extent = extent.and_part("digest", written)
    assert extent.price == one_by_one
    assert (extent.recipients, extent.chunks) == (len(values) * times, len(ready))
    batch = the_batch(extent)
    chunks = [parts.chunk(batch, one, part=1) for one in ready]
    assert [chunk.number for chunk in chunks] == list(range(1, extent.chunks + 1))
    assert len({digits for chunk in chunks for digits in chunk.recipients}) == extent.recipients
    submitted = [replace(chunk, state=State.SUBMITTED) for chunk in chunks]
    assert sum(chunk.segments * chunk.handed_over for chunk in submitted) == extent.price


def the_batch(extent: Extent) -> Batch:
    return Batch(
        id=BatchId("b"),
        tenant=TENANT,
        status=batches.Status.ACCEPTED,
        sender_id="INFO",
        text="Habari {{name}}",
        encoding=extent.encoding,
        segments=extent.segments,
        accepted=extent.recipients,
        price=extent.price,
        charged=0,
        chunks=extent.chunks,
        lane=Lane.BULK,
        fingerprint="f",
        created_at="2026-01-01T00:00:00.000Z",
        plan="p",
        parts=len(extent.digests),
    )
