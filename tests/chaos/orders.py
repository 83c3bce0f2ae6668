"""Orders: what customers ask for, drawn beforehand; each has texts that no other has, so the provider's log tells of
each text whose it is. The numbers are the same few again and again.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from random import Random

from mifumo.ids import TenantId

RICH, POOR, HEARD = TenantId("t1"), TenantId("t2"), TenantId("t3")
"""One has credits, one has not, and one is told of all that becomes of its texts."""

_NUMBERS = 1_500
# Numbers that the provider takes for invalid, cannot reach, is refused for, or says nothing of: more than life has.
_SPECIAL, _ENDS = 0.12, ("001", "002", "003", "006")
_TEST, _PROMOTIONAL, _LATER, _LATER_MAX_S = 0.12, 0.25, 0.2, 30 * 3_600
_LONG, _FOREIGN = " na karibu tena dukani" * 8, " ș"
_APART_MAX = 12


class Kind(StrEnum):
    """By which way it is asked for."""

    TEXT = "text"
    TEMPLATE = "template"
    FILE = "file"


@dataclass(frozen=True)
class Stop:
    """From which process on nothing more of an order may be handed over, and until which one, or which moment."""

    since: int
    for_good: bool = False
    until: int | None = None
    before: datetime | None = None

    def ended(self, serial: int) -> "Stop":
        """Returns it as it is once a process lets the order go on."""
        return self if self.for_good or self.until else replace(self, until=serial)


@dataclass
class Order:
    """What a customer asks for under one Idempotency-Key: which text each number is to get, and how.

    `template` has the placeholders of `names`, by number; `texts` are what that comes to. `later_s` is how long after
    it is asked for it is to be sent. The rest is what became of it.
    """

    tenant: TenantId
    key: str
    kind: Kind
    template: str
    names: dict[str, str]
    parks: bool = False
    test: bool = False
    promotional: bool = False
    later_s: int = 0
    send_at: str = ""
    upload: str = ""
    file_key: str = ""
    file_until: str = ""
    posted_at: datetime | None = None
    posted: int = 0
    quoted: int = 0
    id: str = ""
    void: bool = False
    asked: int | None = None
    answered: int | None = None
    stops: list[Stop] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Counts its recipients."""
        return len(self.names)

    @property
    def reads(self) -> bool:
        """Tells whether its file was posted and has no quote yet."""
        return self.posted_at is not None and not self.quoted

    @property
    def texts(self) -> dict[str, str]:
        """What each number is to get."""
        return {number: self.template.replace("{{name}}", name) for number, name in self.names.items()}

    @property
    def file(self) -> str:
        """The file of its rows, with one that comes twice and one that is no number."""
        rows = [f"{number},{name}" for number, name in self.names.items()]
        return "\n".join(["phone,name", *rows, rows[0], "0712,Nobody", ""])


def segments(text: str) -> int:
    """Counts segments by the standard: of the letters that we use all but one are in its alphabet."""
    one, of_many = (70, 67) if _FOREIGN.strip() in text else (160, 153)
    return 1 if len(text) <= one else -(-len(text) // of_many)


def drawn(dice: Random, total: int) -> list[Order]:
    """Draws orders for so many recipients in all."""
    return _Drawing(dice, total).orders()


class _Drawing:
    def __init__(self, dice: Random, total: int) -> None:
        self._dice, self._total = dice, total
        first = [f"2557120{number:02d}" for number in range(_NUMBERS // 1_000 + 1)]
        self._numbers = [f"{one}{number:03d}" for one in first for number in range(1_000) if number > 9]

    def orders(self) -> list[Order]:
        made, left = list[Order](), self._total
        while left > 0:
            made.append(self._order(f"batch-{len(made)}", left))
            left -= made[-1].size
        return made

    def _order(self, key: str, left: int) -> Order:
        kind = self._dice.random()
        most = max(12, min(300, self._total // 8))
        if kind < 0.4:
            order = self._text(key, min(left, self._dice.randrange(1, 11)))
        elif kind < 0.52:
            order = self._text(key, min(left, self._dice.randrange(1, 40)))
            order.tenant, order.parks = POOR, True
            return order
        elif kind < 0.68:
            order = self._text(key, min(left, self._dice.randrange(11, most)))
        else:
            order = self._personal(key, min(left, self._dice.randrange(4, most)))
        order.test = order.kind is not Kind.FILE and self._dice.random() < _TEST
        order.promotional = order.kind is not Kind.TEMPLATE and self._dice.random() < _PROMOTIONAL
        order.later_s = self._dice.randrange(600, _LATER_MAX_S) if self._dice.random() < _LATER else 0
        return order

    def _text(self, key: str, count: int) -> Order:
        return Order(self._tenant(), key, Kind.TEXT, f"Habari {key}{self._end()}", dict.fromkeys(self._some(count), ""))

    def _personal(self, key: str, count: int) -> Order:
        """Some get texts of their own, the others the same one."""
        apart = self._dice.randrange(1, _APART_MAX)
        names = {number: f"Asha {at}" if at < apart else "Juma" for at, number in enumerate(self._some(count))}
        kind = self._dice.choice((Kind.TEMPLATE, Kind.FILE))
        return Order(self._tenant(), key, kind, f"Habari {{{{name}}}}, {key}.{self._end()}", names)

    def _tenant(self) -> TenantId:
        return RICH if self._dice.random() < 2 / 3 else HEARD

    def _end(self) -> str:
        return self._dice.choice(("", "", "", "", "", _LONG, _LONG, _FOREIGN))

    def _some(self, count: int) -> list[str]:
        """Draws different numbers."""
        drawn_ = self._dice.sample(self._numbers, count)
        special = (f"{number[:-3]}{self._dice.choice(_ENDS)}" for number in drawn_)
        mixed = [other if self._dice.random() < _SPECIAL else one for one, other in zip(drawn_, special, strict=True)]
        return list(dict.fromkeys(mixed))
