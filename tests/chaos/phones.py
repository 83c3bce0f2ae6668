"""Phones: who is texted says STOP, and takes it back: to a business by its name, or to whoever texted last.

Beem brings each text to our door until it hears that it was taken, and then perhaps once more.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from functions.webhooks import api
from mifumo import clock
from mifumo.ids import TenantId
from tests.builders import CONTEXT, answer, request
from tests.chaos.customers import NAMES, Customers
from tests.chaos.orders import Order
from tests.chaos.processes import Processes
from tests.chaos.provider import Provider

_DOOR = "/api/webhooks/sms/beem/beem-token/inbound/"
_OUT, _IN = ("STOP", "acha", "Ondoa."), ("START", "anza")
# Not the first word of that phone; one that takes back what was said before; without a name; brought once more.
_AGAIN, _BACK, _NAMELESS, _TWICE = 0.5, 0.5, 0.3, 0.15


@dataclass
class Said:
    """What a phone has said, to which tenant if it named one; `to` is a number of its own, by which it is known.

    `at` is when it first came to our door, `last_at` when it last did, `posts` are the processes that it came in.
    `texts` is how many had been sent by then, `alone` tells whether nobody else was at work. `done` is how many
    processes had begun when it was done with, `meant` whom it can only have been for.
    """

    digits: str
    tenant: TenantId | None
    out: bool
    word: str
    to: str
    at: datetime
    last_at: datetime
    texts: int
    alone: bool
    posts: list[int] = field(default_factory=list)
    heard: bool = False
    done: int | None = None
    meant: TenantId | None = None

    def may_mean(self, tenant: TenantId, digits: str) -> bool:
        """Tells whether it may be about a tenant's texts to a number."""
        return self.digits == digits and self.tenant in {tenant, None}


class Phones:
    """All phones, one text a deed."""

    def __init__(self, customers: Customers, provider: Provider, processes: Processes, dice: Random) -> None:
        self._customers, self._provider, self._processes, self._dice = customers, provider, processes, dice
        self.counts: Counter[str] = Counter()
        self.said: list[Said] = []

    def deed(self) -> None:
        """Brings a text to the door: another one, or one that was not heard."""
        unheard = [said for said in self.said if not said.heard]
        said = self._dice.choice(unheard) if unheard and self._dice.random() < 1 / 2 else self._another()
        if said:
            self._bring(said)

    def bring_the_rest(self) -> None:
        """Brings what was not heard."""
        for said in self.said:
            if not said.heard:
                self._bring(said)

    def done(self, body: dict[str, Any]) -> None:
        """Notes that the receipts function has done with a text, and whom it was for if nobody else can be meant."""
        said = next(one for one in self.said if one.to == body["to"])
        if said.done is not None:
            return
        said.done, said.meant = self._processes.serial, said.tenant
        texted = {order.tenant for order in self._customers.orders if _may_have_texted(order, said.digits)}
        heard_of = any(text["dest_addr"] == said.digits for text in self._provider.log[: said.texts])
        if said.tenant is None and heard_of and len(texted) == 1:
            (said.meant,) = texted

    def _bring(self, said: Said) -> None:
        said.posts.append(self._processes.serial)
        said.last_at = clock.now()
        told = {"from": said.digits, "to": said.to, "message": {"text": said.word}, "transaction_id": said.to}
        status, _ = answer(api.handler(request("POST", _DOOR, told), CONTEXT))
        assert status in {200, 500, 503}, status
        self.counts[f"words {status}"] += 1
        said.heard = status == 200 and (len(said.posts) > 1 or self._dice.random() >= _TWICE)

    def _another(self) -> Said | None:
        before = self._dice.choice(self.said[-8:]) if self.said and self._dice.random() < _AGAIN else None
        sent = [order for order in self._customers.orders if order.id and not order.test][-12:]
        if before:
            digits, tenant, out = before.digits, before.tenant, self._dice.random() >= _BACK
        elif sent:
            order = self._dice.choice(sent)
            digits, out = self._dice.choice(list(order.names)), True
            tenant = order.tenant if order.tenant in NAMES and self._dice.random() >= _NAMELESS else None
        else:
            return None
        word = self._dice.choice(_OUT if out else _IN) + (f" {NAMES[tenant]}" if tenant else "")
        now, to = clock.now(), f"25569{len(self.said):07d}"
        found = Said(digits, tenant, out, word, to, now, now, len(self._provider.log), self._processes.alone)
        self.said.append(found)
        self.counts["said STOP" if out else "said START"] += 1
        self._customers.perhaps_out |= {
            (one, digits) for one in ([tenant] if tenant else self._customers.credits) if out
        }
        return found


def _may_have_texted(order: Order, digits: str) -> bool:
    return order.asked is not None and not order.test and digits in order.names
