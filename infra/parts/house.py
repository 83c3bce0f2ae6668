"""The house: what every slice is built with."""

from dataclasses import dataclass

from infra.parts.alarms import Alerts
from infra.parts.api import Api
from infra.parts.layer import CommonLayer
from infra.stage import Stage


@dataclass(frozen=True, kw_only=True)
class House:
    stage: Stage
    layer: CommonLayer
    api: Api
    alerts: Alerts
