"""The customer list of the demo, wateja.csv: 1,000 invented Tanzanian numbers, the same on every machine.

Written by `python -m sandbox.demo.customers`. A few numbers end in 001 to 006, where the simulator of Beem does
something else than deliver; those are spread over the list, so that most chunks of 100 hold two or three of them.
"""

import csv
import io
import random
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("wateja.csv")
COUNT = 1000
SPECIAL_ENDINGS = ("001", "002", "003", "004", "005", "006")
DELIVERED_ENDINGS = ("004", "005")
"""Reported twice, and reported early: delivered all the same."""

_EVERY = 41
_SEED = 2026
_PREFIXES = ("065", "067", "068", "069", "071", "074", "075", "076", "078", "062")
_FIRST = ("Asha", "Juma", "Neema", "Baraka", "Zawadi", "Hamisi", "Rehema", "Salum", "Upendo", "Joseph", "Mwajuma")
_LAST = ("Mushi", "Komba", "Massawe", "Ngowi", "Mwakyusa", "Shayo", "Kimaro", "Said", "Mrema", "Lyimo", "Nyerere")


@dataclass(frozen=True)
class Customer:
    phone: str
    name: str

    @property
    def is_delivered(self) -> bool:
        """What the simulator will say about this number, sooner or later."""
        ending = self.phone[-3:]
        return ending not in SPECIAL_ENDINGS or ending in DELIVERED_ENDINGS


def invent() -> list[Customer]:
    """The list, from a fixed seed; no number comes twice."""
    dice = random.Random(_SEED)
    phones: set[str] = set()
    customers: list[Customer] = []
    while len(customers) < COUNT:
        phone = f"{dice.choice(_PREFIXES)}{dice.randrange(10_000):04}{_ending(len(customers), dice)}"
        if phone in phones:
            continue
        phones.add(phone)
        customers.append(Customer(phone, f"{dice.choice(_FIRST)} {dice.choice(_LAST)}"))
    return customers


def read(file: Path = FILE) -> list[Customer]:
    with file.open(newline="", encoding="utf-8") as rows:
        return [Customer(row["phone"], row["name"]) for row in csv.DictReader(rows)]


def text(customers: list[Customer]) -> str:
    """The list as a CSV file."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("phone", "name"))
    rows.writerows((customer.phone, customer.name) for customer in customers)
    return out.getvalue()


def _ending(row: int, dice: random.Random) -> str:
    if row % _EVERY == 0:
        return SPECIAL_ENDINGS[row // _EVERY % len(SPECIAL_ENDINGS)]
    return str(dice.randrange(100, 1000))


if __name__ == "__main__":
    FILE.write_text(text(invent()), encoding="utf-8")
