"""Appointments: EventBridge Scheduler on its bad days: it takes no schedule, fires late, twice, or not at all."""

import json
import os
from collections import Counter
from random import Random
from typing import Any, NamedTuple, cast

from moto.backends import get_backend

from mifumo import aws, clock
from tests.chaos.queues import Queues

_REFUSED, _LATE, _TWICE, _LOST = 0.05, 0.4, 0.15, 0.05


class _Http(NamedTuple):
    status_code: int


class Appointments:
    """All schedules that there are. Calm ones fire once, at the next look after their moment."""

    def __init__(self, dice: Random, queues: Queues) -> None:
        self._dice, self._queues = dice, queues
        self.calm = False
        self.counts: Counter[str] = Counter()

    def attach(self) -> None:
        """Opens the group of schedules, and refuses calls now and then from then on."""
        aws.scheduler().create_schedule_group(Name=os.environ["SCHEDULES_GROUP"])
        cast("Any", aws.scheduler().meta.events).register("before-call.scheduler.*", self._asked)

    def ring(self) -> None:
        """Fires what is due: puts its message on the queue of starts."""
        group = get_backend("scheduler")["123456789012"][os.environ["AWS_REGION"]].schedule_groups
        schedules = group[os.environ["SCHEDULES_GROUP"]].schedules
        due = [
            (name, schedule.target["Input"])
            for name, schedule in schedules.items()
            if schedule.schedule_expression.removeprefix("at(")[:19] <= clock.stamp()
        ]
        for name, message in due:
            if self._likely(_LATE):
                continue
            if not self._likely(_TWICE):
                del schedules[name]
            if self._likely(_LOST):
                self.counts["schedules lost"] += 1
                continue
            self.counts["schedules fired"] += 1
            self._queues.put("starts", json.loads(message))

    def _likely(self, likely: float) -> bool:
        return not self.calm and self._dice.random() < likely

    def _asked(self, **_: Any) -> tuple[_Http, dict[str, Any]] | None:
        if not self._likely(_REFUSED):
            return None
        self.counts["schedules refused"] += 1
        return _Http(503), {"Error": {"Code": "ServiceUnavailable", "Message": "made up"}}
