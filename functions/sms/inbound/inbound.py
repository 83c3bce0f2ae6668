"""Inbound: what a phone answers; STOP, ACHA or ONDOA opt it out, START or ANZA undo that.

Texts come from names of letters, which nobody can answer to: people text the platform's number. So whom they mean is
told by the sender ID after the keyword (`STOP QUANTUM`), or else it is whoever texted them last. A keyword inside a
sentence is no keyword: in Swahili, `acha` begins many of them.

Every text is told to whom it is meant for, as an event, its keyword with it; one without a keyword, or whose keyword is
followed by nobody's name, is for whoever texted the phone last.

Beem and queues deliver again and out of order. Again changes nothing, whoever has texted the phone meanwhile; of a STOP
and a START that overtake each other the STOP may win, never a START over a later STOP.
"""

import re
from contextlib import suppress

from functions.sms.batches import messages
from functions.sms.content import opt_outs, sender_ids
from functions.sms.content.opt_outs import Source
from functions.sms.hooks import events, feed, hooks
from functions.sms.hooks.events import Type
from mifumo import backoff, notices, writes
from mifumo.errors import Busy, NotFound
from mifumo.ids import TenantId
from mifumo.observability import count, logger
from mifumo.providers.beem_inbound import Inbound
from mifumo.tables import Key

from . import arrivals
from .arrivals import Arrival, Arrived

_OUT, _IN = frozenset({"STOP", "ACHA", "ONDOA"}), frozenset({"START", "ANZA"})
# GSM networks show no longer name; what is longer is a sentence.
_NAME_MAX = 11
_SAID = re.compile(r"\W*(\w+)\W*(.*?)\W*", re.DOTALL)


def take(inbound: Inbound, *, received_at: str) -> None:
    """Tells the tenant that a text is meant for, and applies its keyword, once; a stranger's is counted and dropped."""
    place = arrivals.key(inbound, received_at=received_at)
    arrival = arrivals.read(place) or _arrived(place, inbound, received_at)
    if arrival is None:
        count("InboundIgnored")
        return
    if arrival.keyword and not arrival.applied:
        _apply(arrival, inbound.digits)


def _arrived(place: Key, inbound: Inbound, received_at: str) -> Arrival | None:
    """Writes down that a text came, with the event that tells of it; None when it is for nobody."""
    keyword, name = _said(inbound.text)
    tenant = _meant(inbound.digits, name) if keyword in _OUT | _IN else None
    if tenant is None:
        keyword, tenant = "", messages.last_to(inbound.digits, but=notices.PLATFORM)
    if tenant is None:
        return None
    facts = {"to": inbound.to or None, "text": inbound.text, "keyword": keyword or None, "received_at": received_at}
    made = events.new(tenant, Type.RECEIVED, digits=inbound.digits, facts=tuple(facts.items()))
    with suppress(Arrived):  # it was delivered twice at once
        came = arrivals.put(place, made, received_at=received_at, keyword=keyword)
        feed.add(tenant, [made], hooks.of_tenant(tenant), came)
        count("InboundTold")
    return arrivals.read(place)


def _apply(arrival: Arrival, digits: str) -> None:
    """Does what a keyword says, as of when it came first."""
    if arrival.keyword in _OUT:
        _keep_out(arrival, digits)
    else:
        with suppress(NotFound):  # nobody is out, or somebody has said so since
            opt_outs.let_back(arrival.tenant, digits, at=arrival.received_at)
    with suppress(Arrived):  # another delivery was first
        writes.commit(arrivals.applied(arrival))
        logger.info("keyword applied", keyword=arrival.keyword, tenant=arrival.tenant)
        count("KeywordApplied")


def _keep_out(arrival: Arrival, digits: str) -> None:
    """Opts a number out; one that was keeps its entry, and no START that was said before this one undoes it."""
    said, at = arrival.keyword, arrival.received_at
    for _ in backoff.attempts():
        if opt_outs.add(arrival.tenant, [digits], source=Source.KEYWORD, reason=said, at=at):
            return
        with suppress(NotFound):  # it was let back this very moment
            opt_outs.uphold(arrival.tenant, digits, at=at)
            return
    raise Busy


def _meant(digits: str, name: str) -> TenantId | None:
    """Returns the owner of the sender ID that is named; with none, or one of the platform's, who texted last."""
    if len(name) > _NAME_MAX:
        return None
    if name and name.upper() not in sender_ids.PLATFORM:
        return sender_ids.owner(name)
    return messages.last_to(digits, but=notices.PLATFORM)


def _said(text: str) -> tuple[str, str]:
    """Splits a text into its first word, in capitals, and the rest without the marks around it."""
    found = _SAID.fullmatch(text.strip())
    return (found[1].upper(), " ".join(found[2].split())) if found else ("", "")
