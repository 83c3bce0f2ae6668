"""Turn: one step that an open batch is led, by whoever sends it or by the clock, if it is still as it was read.

A batch counts its turns. Whoever takes its chunks a step further does that for one turn, and stops at the next.
"""

from functions.sms import messaging
from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.writes import Write

from . import batches, led
from .batches import Batch, Status
from .led import Led

_NAMES = {"#status": "status", "#turn": "turn"}


class BatchMoved(Exception):
    """Somebody else has led the batch on; `standing` is what it is by now."""

    def __init__(self, standing: Batch | None) -> None:
        super().__init__(standing.status if standing else "gone")
        self.standing = standing


def take(batch: Batch, status: Status, *, due: str, walk: int | None = None, **attributes: str | None) -> Write:
    """Leads a batch to a status; refuses with BatchMoved. `walk` 0 says that its chunks are to be gone through.

    `due` is when the sweep looks at it next. An attribute that is None goes.
    """
    until, reason = attributes.get("starts_at"), attributes.get("reason")
    course = led.further(batch.course, Led(clock.stamp(), status.value, until, reason))
    turned = {
        "status": status.value,
        "turn": batch.turn + 1,
        "due_sk": due,
        "walk": walk,
        "told": None,
        "led": [list(one) for one in course],
        **attributes,
    }
    names = {f"#{name}": name for name in turned}
    sets = [f"#{name} = :{name}_" for name, value in turned.items() if value is not None]
    gone = [f"#{name}" for name, value in turned.items() if value is None]
    expression = f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(gone)}" if gone else "")
    values = {f":{name}_": value for name, value in turned.items() if value is not None}
    return _update(batch, expression, condition=_as_read(batch), names=names, values=values)


def walked(batch: Batch, reached: int | None, *, told: int) -> Write:
    """Says up to which chunk a turn has come, None for all of them, and that workers were told of so many more;
    refuses with BatchMoved.
    """
    values: Item = {":before": batch.walk, ":told": batch.told + told}
    if reached is not None:
        values[":reached"] = reached
    return _update(
        batch,
        "SET told = :told, walk = :reached" if reached is not None else "SET told = :told REMOVE walk",
        condition=f"{_as_read(batch)} AND walk = :before",
        names={},
        values=values,
    )


def still(batch: Batch) -> Write:
    """Holds a transaction to a batch of the same turn; refuses with BatchMoved."""
    return writes.check(
        messaging.table(),
        batches.key(batch.tenant, batch.id),
        condition=_as_read(batch),
        names=_NAMES,
        values=_values(batch),
        refused=_moved,
    )


def read(batch: Batch) -> Batch | None:
    """Reads a batch as it is by now."""
    item = tables.get(messaging.table(), batches.key(batch.tenant, batch.id))
    return batches.of(item) if item else None


def _update(batch: Batch, expression: str, *, condition: str, names: dict[str, str], values: Item) -> Write:
    return writes.update(
        messaging.table(),
        batches.key(batch.tenant, batch.id),
        expression,
        condition=condition,
        names={**names, **_NAMES},
        values={**values, **_values(batch)},
        refused=_moved,
    )


def _as_read(batch: Batch) -> str:
    turn = "#turn = :turn" if batch.turn else "attribute_not_exists(#turn)"
    return f"#status = :was AND {turn}"


def _values(batch: Batch) -> Item:
    return {":was": batch.status.value, **({":turn": batch.turn} if batch.turn else {})}


def _moved(item: Item | None) -> BatchMoved:
    return BatchMoved(batches.of(item) if item else None)
