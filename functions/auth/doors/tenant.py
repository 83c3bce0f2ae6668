"""Tenant: a business looks at what it is and has set, and changes that."""

from typing import Annotated, Any, Self

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from functions.auth import tenant_settings, time_zones
from functions.auth.users import TIME_ZONE
from functions.auth.wire import Name, TenantView
from mifumo import phone
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.preferences import Preferences, QuietHours
from mifumo.tenants import Tenant
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["tenant"]
# What is held until quiet hours are over needs some time to go before the next ones begin.
_OPEN_MIN_S = 3600
# More than there are countries.
_COUNTRIES_MAX = 300
# More than anybody sends in a day; what a table holds exactly.
_CAP_MAX = 1_000_000_000


def _zone(name: str) -> str:
    if name not in time_zones.NAMES:
        raise PydanticCustomError("time_zone_unknown", "Use a name of the IANA database, such as Africa/Dar_es_Salaam.")
    return name


def _country(code: str) -> str:
    if not phone.is_country(code):
        raise PydanticCustomError("country_unknown", "Use codes of two letters from ISO 3166-1, such as KE or UG.")
    return code


def _named(name: str | None) -> str:
    if name is None:
        raise PydanticCustomError("name_missing", "A business has a name: give one, or leave the name out.")
    return name


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


Hour = Annotated[
    str,
    StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"),
    Field(description="HH:MM of 24 hours, in the time zone."),
]
Country = Annotated[str, BeforeValidator(_upper), Field(max_length=16), AfterValidator(_country)]
SenderName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=11)]

_SENDER = (
    "The name that a text is sent under when the request gives none. Whether you may use it is looked at whenever you "
    "send, not here."
)
_QUIET = (
    "When what is promotional is not to wake anybody: it is held until they are over; an hour of the day at least is "
    "left. Null: from 20:00 to 08:00 in Tanzania."
)
_CAP = (
    "How many recipients may be sent to in a day, which begins at midnight in Tanzania; null: as many as the balance "
    "pays for. On the day that you set it, those from then on count."
)
_BATCH_CAP = (
    "The most that one batch may cost, in credits; null: as much as the balance pays for. What would cost more is "
    "refused."
)
_COUNTRIES = (
    "Countries outside Tanzania whose numbers you send to, as codes of ISO 3166-1. A segment costs one credit there "
    "as well."
)
_REFUND = (
    "Whether credits come back for texts that the networks report as undelivered: once, when the time for reports is "
    "over, for what is sent from then on."
)
_SECOND_FACTOR = "Whether members may do nothing before they have set up a second factor."


class QuietHoursRequest(Request):
    start: Hour = Field(alias="from", examples=["21:00"])
    end: Hour = Field(alias="to", description="Before `from`: on the next day.", examples=["07:00"])
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] = Field(TIME_ZONE, examples=[TIME_ZONE])

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.start == self.end:
            raise PydanticCustomError("quiet_hours_empty", "Let them end at another time than they begin.")
        if self.hours().open_s < _OPEN_MIN_S:
            raise PydanticCustomError("quiet_hours_too_long", "Leave at least an hour of the day for what is held.")
        return self

    def hours(self) -> QuietHours:
        """Returns them as they are kept."""
        return QuietHours(self.start, self.end, self.time_zone)


class SettingsRequest(Request):
    version: int = Field(
        ge=0, description="The `version` that you read: 409 `settings_changed` when it is another by now.", examples=[0]
    )
    name: Annotated[Name | None, AfterValidator(_named)] = Field(
        None, description="What the business is called.", examples=["Duka la Asha"]
    )
    default_sender_id: SenderName | None = Field(None, description=_SENDER, examples=["Quantum"])
    quiet_hours: QuietHoursRequest | None = Field(
        None, description=_QUIET, examples=[{"from": "21:00", "to": "07:00", "time_zone": TIME_ZONE}]
    )
    daily_cap: int | None = Field(None, ge=1, le=_CAP_MAX, description=_CAP, examples=[5000])
    batch_credit_cap: int | None = Field(None, ge=1, le=_CAP_MAX, description=_BATCH_CAP, examples=[10_000])
    foreign_countries: list[Country] | None = Field(
        None, max_length=_COUNTRIES_MAX, description=_COUNTRIES, examples=[["KE", "UG"]]
    )
    require_second_factor: bool | None = Field(
        None, description=f"{_SECOND_FACTOR} Only an owner may change it.", examples=[False]
    )

    refund_undelivered: bool | None = Field(None, description=_REFUND, examples=[True])

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.model_fields_set <= {"version"}:
            raise PydanticCustomError("nothing_to_change", "Give what is to be changed, and leave out what is not.")
        return self

    def wanted(self) -> dict[str, Any]:
        """Returns the preferences that are given; null sets one back to what it is where nothing was set."""
        given: dict[str, Any] = {
            "default_sender_id": self.default_sender_id,
            "quiet_hours": self.quiet_hours and self.quiet_hours.hours(),
            "daily_cap": self.daily_cap,
            "batch_credit_cap": self.batch_credit_cap,
            "foreign_countries": frozenset(self.foreign_countries or ()) - {phone.HOME},
            "require_second_factor": self.require_second_factor,
            "refund_undelivered": self.refund_undelivered,
        }
        unset = Preferences()
        named = self.model_fields_set & set(given)
        return {name: getattr(unset, name) if given[name] is None else given[name] for name in named}


class QuietHoursView(Answer):
    start: str = Field(alias="from", examples=["21:00"])
    end: str = Field(alias="to", examples=["07:00"])
    time_zone: str = Field(examples=[TIME_ZONE])


class SettingsView(TenantView):
    version: int = Field(description="Send it along with a change.", examples=[0])
    default_sender_id: str | None = Field(description=_SENDER, examples=["Quantum"])
    quiet_hours: QuietHoursView | None = Field(description=_QUIET)
    daily_cap: int | None = Field(description=_CAP, examples=[5000])
    batch_credit_cap: int | None = Field(description=_BATCH_CAP, examples=[10_000])
    foreign_countries: list[str] = Field(description=_COUNTRIES, examples=[["KE", "UG"]])
    require_second_factor: bool = Field(description=_SECOND_FACTOR)
    refund_undelivered: bool = Field(description=_REFUND)

    @classmethod
    def of(cls, tenant: Tenant) -> "SettingsView":
        """Shows a tenant with what it has set."""
        chosen, quiet = tenant.preferences, tenant.preferences.quiet_hours
        hours = {"from": quiet.start, "to": quiet.end, "time_zone": quiet.time_zone} if quiet else None
        return cls(
            **TenantView.of(tenant).model_dump(),
            version=tenant.settings_version,
            default_sender_id=chosen.default_sender_id or None,
            quiet_hours=QuietHoursView.model_validate(hours) if hours else None,
            daily_cap=chosen.daily_cap or None,
            batch_credit_cap=chosen.batch_credit_cap or None,
            foreign_countries=sorted(chosen.foreign_countries),
            require_second_factor=chosen.require_second_factor,
            refund_undelivered=chosen.refund_undelivered,
        )


@router.get("/api/tenant/", summary="See the tenant and its settings", tags=_TAGS)
@needs(Action.TENANT_READ)
def read_tenant(caller: Caller) -> SettingsView:
    return SettingsView.of(tenant_settings.read(caller))


@router.patch(
    "/api/tenant/",
    summary="Change the tenant's settings",
    description="What you leave out stays as it is, null sets it back. Of two changes at once one is made; the other "
    "is refused with 409 `settings_changed`: read the settings again.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.TENANT_MANAGE)
def amend_tenant(request: SettingsRequest, caller: Caller) -> SettingsView:
    changed = tenant_settings.change(caller, version=request.version, name=request.name, wanted=request.wanted())
    return SettingsView.of(changed)
