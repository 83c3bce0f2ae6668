"""Inbound: what a phone answers; STOP, ACHA or ONDOA opt it out, START or ANZA undo that.

Texts come from names of letters, which nobody can answer to: people text the platform's number. So whom they mean is
told by the sender ID after the keyword (`STOP QUANTUM`), or else it is whoever texted them last. A keyword inside a
sentence is no keyword: in Swahili, `acha` begins many of them.

Queues deliver again and out of order. Again changes nothing; of a STOP and a START that overtake each other the STOP
may win, never a START over a later STOP.
"""

import re
from contextlib import suppress

from mifumo import notices
from mifumo.errors import NotFound
from mifumo.ids import TenantId
from mifumo.observability import count, logger
from mifumo.providers.beem_inbound import Inbound

from . import messages, opt_outs, sender_ids
from .opt_outs import Source

_OUT, _IN = frozenset({"STOP", "ACHA", "ONDOA"}), frozenset({"START", "ANZA"})
# GSM networks show no longer name; what is longer is a sentence.
_NAME_MAX = 11
_SAID = re.compile(r"\W*(\w+)\W*(.*?)\W*", re.DOTALL)


def take(inbound: Inbound, *, received_at: str) -> None:
    """Applies a keyword to the tenant that it is meant for; anything else is counted and dropped."""
    keyword, name = _said(inbound.text)
    tenant = _meant(inbound.digits, name) if keyword in _OUT | _IN else None
    if tenant is None:
        count("InboundIgnored")
        return
    if keyword in _OUT:
        opt_outs.add(tenant, [inbound.digits], source=Source.KEYWORD, reason=keyword, at=received_at)
    else:
        _let_back(tenant, inbound.digits, received_at)
    logger.info("keyword applied", keyword=keyword, tenant=tenant)
    count("KeywordApplied")


def _let_back(tenant: TenantId, digits: str, said_at: str) -> None:
    """Undoes an opt-out that is older than the wish to undo it."""
    found = opt_outs.get(tenant, digits)
    if found and found.created_at < said_at:
        with suppress(NotFound):  # it was delivered twice at once, or somebody has just done the same
            opt_outs.remove(tenant, digits, deed=[])


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
