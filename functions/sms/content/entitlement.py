"""Entitlement: which sender IDs a tenant may use: its own approved ones, and those that come with its best package."""

from mifumo import ids, packages
from mifumo.aws import Item
from mifumo.errors import Forbidden, ValidationFailed
from mifumo.ids import SenderIdId

from .sender_ids import PLATFORM, SenderId, Status


class SenderIdNotAllowed(Forbidden):
    """The tenant may not send under this name; it is never replaced by another one."""

    code = "sender_id_not_allowed"
    title = "This sender ID cannot be used"


def platform(package: str | None) -> list[SenderId]:
    """Lists the platform's sender IDs that come with a package."""
    return [
        SenderId(
            SenderIdId(ids.derived("platform sender id", name)),
            None,
            name,
            "platform",
            Status.APPROVED,
            None,
            None,
            None,
            None,
        )
        for name in packages.sender_ids_of(package)
    ]


def usable(package: str | None, approved: Item | None) -> list[str]:
    """Lists the names that a tenant may send under."""
    own = sorted(name for key, name in (approved or {}).items() if key.startswith("name:"))
    return [*packages.sender_ids_of(package), *own]


def holds(name: str, *, package: str | None, approved: Item | None) -> bool:
    """Tells whether a name that a tenant was allowed once is one that it may send under now."""
    return name.upper() in {usable_name.upper() for usable_name in usable(package, approved)}


def asked(name: str | None, default: str) -> str:
    """Returns the name that is given, or the tenant's default; raises ValidationFailed where there is neither."""
    if found := name or default:
        return found
    detail = "Give a sender ID, or set a default at PATCH /api/tenant/; GET /api/sms/capability/ lists yours."
    raise ValidationFailed.of("/sender_id", "missing", detail)


def resolve(name: str, *, package: str | None, approved: Item | None) -> str:
    """Returns the name in the case of letters it was approved with; raises SenderIdNotAllowed with the reason."""
    wanted = name.strip().upper()
    allowed = {usable_name.upper(): usable_name for usable_name in usable(package, approved)}
    if wanted in allowed:
        return allowed[wanted]
    if wanted in PLATFORM:
        cheapest = next(p.name for p in packages.PACKAGES.values() if PLATFORM[wanted] in p.sender_ids)
        raise SenderIdNotAllowed(f"{PLATFORM[wanted]} comes with the {cheapest} package; buy it or use another name.")
    raise SenderIdNotAllowed(
        f"{name!r} is not an approved sender ID of yours. You can use: {', '.join(allowed.values())}."
    )
