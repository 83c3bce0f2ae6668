"""Analytics: what was sent each day and what became of it, by sender ID and network."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.sms.analytics import figures
from functions.sms.analytics.figures import Figure, Network, Row
from mifumo.errors import ValidationFailed
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.wire import Answer

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_DAYS_MAX = 92


class FiguresAnswer(Answer):
    sent: int = Field(description="Texts that a network took.", examples=[980])
    delivered: int = Field(examples=[951])
    undelivered: int = Field(examples=[20])
    failed: int = Field(description="Refused, or could not be handed over.", examples=[20])
    unknown: int = Field(description="Nobody reported what became of them.", examples=[5])
    credits: int = Field(description="What they cost, before anything given back for undelivered ones.", examples=[980])


class NetworkFigures(FiguresAnswer):
    network: Network = Field(
        description="By the prefix of the number: a hint, as numbers move between networks.", examples=["vodacom"]
    )


class SenderIdFigures(FiguresAnswer):
    sender_id: str = Field(examples=["INFO"])
    networks: list[NetworkFigures]


class DayFigures(FiguresAnswer):
    day: date = Field(description="A day of Tanzania, on which the texts were handed over.", examples=["2026-01-31"])
    sender_ids: list[SenderIdFigures]


class AnalyticsAnswer(FiguresAnswer):
    days: list[DayFigures] = Field(description="Days on which nothing was sent are left out.")


@router.get(
    "/api/sms/analytics/",
    summary="See what was sent and what became of it, day by day",
    description="Counted some minutes after a batch was handed over, and anew after two hours, after three days, when "
    "no more reports are waited for, and after a month. Tests are not counted.",
    tags=["sms"],
)
@needs(Action.SMS_READ)
def analytics(
    caller: Caller,
    first: Annotated[date, Query(alias="from", description="The first day.", examples=["2026-01-01"])],
    last: Annotated[
        date, Query(alias="to", description=f"The last day; at most {_DAYS_MAX} days in all.", examples=["2026-01-31"])
    ],
) -> AnalyticsAnswer:
    if last < first:
        raise ValidationFailed.of("query:to", "before_from", "The last day comes before the first.")
    if (last - first).days >= _DAYS_MAX:
        raise ValidationFailed.of("query:to", "too_long", f"Ask for at most {_DAYS_MAX} days at once.")
    rows = list(figures.between(caller.tenant_id, first, last))
    days = [_day(day, [row for row in rows if row.day == day]) for day in sorted({row.day for row in rows})]
    return AnalyticsAnswer(**_sum(rows), days=days)


def _day(day: str, rows: list[Row]) -> DayFigures:
    names = sorted({row.sender_id for row in rows})
    senders = [_sender_id(name, [row for row in rows if row.sender_id == name]) for name in names]
    return DayFigures(day=date.fromisoformat(day), **_sum(rows), sender_ids=senders)


def _sender_id(name: str, rows: list[Row]) -> SenderIdFigures:
    networks = [NetworkFigures(network=row.network, **_sum([row])) for row in rows]
    return SenderIdFigures(sender_id=name, **_sum(rows), networks=networks)


def _sum(rows: Iterable[Row]) -> dict[str, int]:
    total = Counter[str](dict.fromkeys(Figure, 0))
    for row in rows:
        total.update({figure.value: count for figure, count in row.figures})
    return dict(total)
