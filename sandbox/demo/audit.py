"""The demo's audit: what has to add up at the end, each difference as a sentence."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ENDED = ("delivered", "undelivered", "rejected", "unknown")
"""Where every text of the demo has to end."""

Entry = Mapping[str, Any]


def ledger(entries: Sequence[Entry], balance: Mapping[str, int]) -> list[str]:
    """Replay the entries, oldest first, and compare each line and the end with what the API says."""
    found = []
    available = held = 0
    for number, entry in enumerate(sorted(entries, key=lambda entry: int(entry["seq"])), 1):
        if entry["seq"] != number:
            found.append(f"The ledger has a gap: entry {number} is missing, {entry['seq']} comes next.")
            break
        available, held = _moved(available, held, entry)
        if (available, held) != (entry["available_after"], entry["held_after"]):
            found.append(
                f"Entry {number} ({entry['kind']} {entry['amount']}) says {entry['available_after']} available and "
                f"{entry['held_after']} held, but the entries up to it make {available} and {held}."
            )
            break
    if not found and (available, held) != (balance["available"], balance["held"]):
        found.append(
            f"The entries make {available} available and {held} held, the balance says {balance['available']} and "
            f"{balance['held']}."
        )
    return found


def purchase(entries: Sequence[Entry], credits_bought: int) -> list[str]:
    """The package is credited once."""
    credited = [entry["amount"] for entry in entries if entry["kind"] == "credit"]
    if credited == [credits_bought]:
        return []
    return [f"{credits_bought} credits were bought once, and the ledger credits {credited or 'nothing'}."]


def batch(sent: Mapping[str, Any], recipients: int, entries: Sequence[Entry]) -> list[str]:
    """Every recipient has ended, and the batch cost what was captured of its price."""
    counts: Mapping[str, int] = sent["counts"]
    total = {kind: sum(abs(int(e["amount"])) for e in entries if e["kind"] == kind) for kind in _KINDS}
    claims = [
        (sum(counts.values()), recipients, "The batch counts {} messages for {} recipients."),
        (
            sum(counts.get(status, 0) for status in ENDED),
            recipients,
            f"{{}} of {{}} recipients have ended as {', '.join(ENDED)}.",
        ),
        (sent["price"], sent["segments"] * sent["accepted"], "The price is {}, segments x recipients is {}."),
        (total["hold"], sent["price"], "{} credits were held for a price of {}."),
        (total["capture"], sent["charged"], "{} credits were captured, the batch says {}."),
        (total["capture"] + total["release"], sent["price"], "{} credits were captured or released, {} were held."),
    ]
    return [sentence.format(f"{real:,}", f"{due:,}") for real, due, sentence in claims if real != due]


def provider(log: Iterable[Mapping[str, Any]], message: str) -> list[str]:
    """No number got the text twice, by the provider's own log."""
    numbers = Counter(text["dest_addr"] for text in log if text["message"] == message)
    twice = [number for number, times in numbers.items() if times > 1]
    return [f"{len(twice)} numbers got the text more than once, {twice[0]} is the first."] if twice else []


_KINDS = ("hold", "capture", "release")


def _moved(available: int, held: int, entry: Entry) -> tuple[int, int]:
    amount = int(entry["amount"])
    match entry["kind"]:
        case "credit" | "adjust" | "refund":
            return available + amount, held
        case "hold":
            return available - abs(amount), held + abs(amount)
        case "capture":
            return available, held - abs(amount)
        case _:
            return available + abs(amount), held - abs(amount)
