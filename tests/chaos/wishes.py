"""Wishes: who wants no texts, from which process on and until which: what customers entered and what phones said.

A START undoes what was said before it, however late either is done; so what a START may have undone binds nobody from
the moment on in which it came to our door.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mifumo.ids import TenantId
from tests.chaos.customers import OptOut
from tests.chaos.evidence import Evidence
from tests.chaos.orders import HEARD, Order
from tests.chaos.phones import Said
from tests.chaos.provider import Call


@dataclass(frozen=True)
class Out:
    """From which process on nothing may go to a tenant's number, and until which one if it may have been let back."""

    since: int
    until: int | None

    def binds(self, order: Order, call: Call, *, looked_again: bool) -> bool:
        """Tells whether a call had to leave the number out: whoever made it looks, or else whoever took the order."""
        if looked_again and self.since < call.process.serial:
            return self.until is None or call.serial < self.until
        asked, answered = order.asked or 0, order.answered or 0
        return self.since < min(asked, call.process.serial) and (self.until is None or answered < self.until)


class Wishes:
    """All that was entered and said."""

    def __init__(self, entered: list[OptOut], said: list[Said]) -> None:
        self._entered, self._said = entered, said
        self._outs = defaultdict[tuple[TenantId, str], list[Out]](list)
        for one in entered:
            if one.since is not None:
                self._bind(one.tenant, one.digits, one.began, one.since, newer=False)
        for word in said:
            if word.out and word.meant and word.done is not None:
                self._bind(word.meant, word.digits, word.posts[0], word.done, newer=True)

    def outs(self, tenant: TenantId, digits: str) -> list[Out]:
        """Returns when a tenant's number was out."""
        return self._outs.get((tenant, digits), [])

    def faults(self, evidence: Evidence, events: list[dict[str, Any]]) -> Iterator[str]:
        """Lists who is let back and has not said so, who has and is not, and words that were told wrongly."""
        stored = {(item["pk"].split("#")[1], item["sk"]) for item in evidence.items if item["pk"].endswith("#OPTOUTS")}
        shards = {
            (item["pk"].removeprefix("T#"), digits)
            for item in evidence.items
            if item["sk"].startswith("OPTOUTS#")
            for digits in item.get("digits", ())
        }
        if shards != stored:
            yield f"{shards ^ stored} are out in one place only"
        for (tenant, digits), outs in self._outs.items():
            if any(out.until is None for out in outs) and (tenant, digits) not in stored:
                yield f"{digits} wants no texts of {tenant}, and nobody knows"
        for word in self._said:
            if word.tenant and self._lets_back(word, word.tenant) and (word.tenant, word.digits) in stored:
                yield f"{word.digits} has said to {word.tenant} that it wants texts, and gets none"
        yield from self._untold(events)

    def _bind(self, tenant: TenantId, digits: str, began: int, since: int, *, newer: bool) -> None:
        """Notes that a number is out, unless it may have been let back before that was done.

        What is `newer` than all that stood before is undone by no START that was said before it. What a customer enters
        may not be: an entry that stood keeps its moment.
        """
        posts = [
            post
            for word in self._said
            if not word.out and word.may_mean(tenant, digits) and (word.done is None or word.done >= began)
            for post in word.posts
            if post > began or not newer
        ]
        until = min(posts, default=None)
        if until is None or until > since:
            self._outs[tenant, digits].append(Out(since, until))

    def _lets_back(self, word: Said, tenant: TenantId) -> bool:
        """Tells whether a START must have come last: all that it undoes was over when it came to our door."""
        if word.out or word.done is None or not word.alone:
            return False
        before = [one for one in self._entered if (one.tenant, one.digits) == (tenant, word.digits)]
        said = [one for one in self._said if one.out and one.may_mean(tenant, word.digits)]
        return all(one.began < word.posts[0] and one.at < word.at for one in before) and all(
            one.done is not None and one.done < word.posts[0] and one.last_at < word.at for one in said
        )

    def _untold(self, events: list[dict[str, Any]]) -> Iterator[str]:
        """Each text that was for the one who is told of all is one event."""
        times = Counter(event["data"]["to"] for event in events if event["type"] == "inbound.received")
        for word in self._said:
            count = times.pop(word.to, 0)
            if count > 1 or (count == 0 and word.meant == HEARD and word.done is not None):
                yield f"{word.word} of {word.digits} was told {count} times"
            if count and word.meant not in {HEARD, None}:
                yield f"{word.word} of {word.digits} was told to {HEARD}"
        yield from (f"{name} is nobody's word" for name in times)
