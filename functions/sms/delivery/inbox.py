"""Inbox: delivery reports that match nothing yet, kept until they do or their window is over.

Three things bring a report here: it came before our own commit of the hand-over, its hand-over ended in
`submit_unknown` and nobody knows its request id, or it is nonsense.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict

from functions.sms import messaging
from functions.sms.batches import chunks
from functions.sms.batches.chunks import Chunk
from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.providers.beem_reports import Report
from mifumo.settings import Settings
from mifumo.tables import Key

_DUE = "INBOX"
_RETENTION_S = 14 * 24 * 3600


class InboxSettings(Settings):
    """How old a kept report is at each look at it, by comma; after the last one nobody expects its hand-over."""

    inbox_looks_s: str

    @property
    def ages_s(self) -> list[float]:
        """The ages, in ascending order."""
        return [float(part) for part in self.inbox_looks_s.split(",")]


class Kept(Exception):
    """The same report is in the inbox already."""


class Gone(Exception):
    """The report left the inbox meanwhile."""


def keep(report: Report) -> None:
    """Keeps a report; the same one again changes nothing."""
    item = {
        **_key(report)._asdict(),
        **asdict(report),
        "received_at": clock.stamp(),
        "due_pk": _DUE,
        "due_sk": clock.after(InboxSettings.load().ages_s[0]),
        "ttl": clock.epoch() + _RETENTION_S,
    }
    with suppress(Kept):
        writes.commit(writes.put(messaging.table(), item, refused=lambda _: Kept()))


def of_handover(chunk: Chunk) -> list[Report]:
    """Reads the kept reports of one hand-over, which its recipient ids tell from any other."""
    items = tables.query_all(messaging.table(), _partition(chunk.recipient_ids[0][0]), consistent=True, pages_max=4)
    return [of(item) for item in items]


def of(item: Item) -> Report:
    """Reads a report back."""
    return Report(**{name: item[name] for name in Report.__dataclass_fields__})


def due(now: str, *, pages_max: int) -> Iterator[list[tuple[Report, str]]]:
    """Finds kept reports whose moment has come, with when each was received, a page a call.

    The index may be behind: what was moved on or has left since is left out.
    """
    start: Item | None = None
    for _ in range(pages_max):
        page = tables.query(
            messaging.table(), _DUE, index="due", between=("0", now), limit=tables.READ_KEYS_MAX, start=start
        )
        keys = [(messaging.table(), Key(item["pk"], item["sk"])) for item in page.items]
        found = tables.read(*keys).values() if keys else []
        if waiting := [(of(item), item["received_at"]) for item in found if messaging.is_due(item, now)]:
            yield waiting
        if (start := page.last) is None:
            return


def wait(report: Report, received_at: str) -> bool:
    """Puts the next look at a report ahead; tells whether there is one left."""
    came, now = clock.parse(received_at), clock.stamp()
    looks = [clock.after(age_s, came) for age_s in InboxSettings.load().ages_s]
    following = next((look for look in looks if look > now), None)
    if following is None:
        return False
    _reschedule(report, "SET due_sk = :due", {":due": following})
    return True


def give_up(report: Report) -> None:
    """Takes a report off the sweep's list; it stays readable for support until its TTL."""
    _reschedule(report, "REMOVE due_pk, due_sk", None)


def drop(*applied: Report) -> None:
    """Removes reports that were applied."""
    for report in applied:
        with suppress(Gone):
            writes.commit(writes.delete(messaging.table(), _key(report), refused=lambda _: Gone()))


def _reschedule(report: Report, expression: str, values: Item | None) -> None:
    write = writes.update(
        messaging.table(),
        _key(report),
        expression,
        condition="attribute_exists(pk)",
        values=values,
        refused=lambda _: Gone(),
    )
    with suppress(Gone):
        writes.commit(write)


def _partition(recipient_id: int) -> str:
    return f"INBOX#beem#{recipient_id // chunks.RECIPIENTS_MAX}"


def _key(report: Report) -> Key:
    word = report.provider_status.upper()
    return Key(_partition(report.recipient_id), f"{report.recipient_id:09d}#{report.digits}#{report.request_id}#{word}")
