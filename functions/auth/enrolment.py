"""Enrolment: a user sets a second factor up, gets new recovery codes, and turns it off.

Who begins or ends it proves their password first. Every other session ends when the factor goes on or off: none of
them has shown what is asked for from then on.
"""

from typing import NamedTuple

from mifumo import audit, tables, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict
from mifumo.ids import UserId

from . import credentials, delivery, entries, recovery_codes, second_factor, tokens, totp
from .codes import CodeInvalid
from .second_factor import Factor
from .wording import Letter


class Begun(NamedTuple):
    """What an authenticator app is set up with, and until when its first code has to come (epoch seconds)."""

    secret: str
    uri: str
    until: int


class Standing(NamedTuple):
    """A user's second factor, if there is one, and whether it is demanded in the tenant at hand."""

    factor: Factor | None
    demanded: bool


def standing(caller: Principal) -> Standing:
    """Reads what the caller has and must have."""
    entry = entries.read(caller.person, caller.tenant_id)
    if entry is None:
        return Standing(None, demanded=False)
    return Standing(entry.factor, second_factor.demanded(entry.user.role, entry.tenant))


def begin(caller: Principal, password: str, *, source_ip: str) -> Begun:
    """Makes a secret for the caller's authenticator; nothing is asked for until its first code was confirmed.

    Raises InvalidCredentials and Throttled as a login does, Conflict while a factor is on.
    """
    _, login, attempt = credentials.prove(caller.person, password, source_ip=source_ip)
    factor, waiting = second_factor.begin(caller.person)
    writes.transact(attempt.forgive(), waiting)
    return Begun(
        totp.secret(factor.user, factor.salt),
        totp.uri(factor.user, factor.salt, email=login.email),
        factor.pending_until,
    )


def confirm(caller: Principal, code: str) -> list[str]:
    """Turns the factor on, and returns its recovery codes; raises CodeInvalid, Conflict unless one was begun."""
    factor = _factor(caller.person)
    if factor is None or factor.on:
        raise Conflict("Begin at `POST /api/auth/second-factor/`, then send the first code.")
    step = totp.step_of(factor.user, factor.salt, code)
    if step is None:
        raise CodeInvalid
    recovery = recovery_codes.make()
    told = audit.entry(caller, "second_factor.enabled", target=caller.person)
    _end_others(caller, "second_factor.enabled")
    writes.transact(factor.confirm(step, recovery), told)
    _end_others(caller, "second_factor.enabled")
    return recovery


def renew(caller: Principal, password: str, code: str, *, source_ip: str) -> list[str]:
    """Returns new recovery codes; the old ones are void. Raises as `disable` does."""
    _, factor = _prove(caller, password, code, source_ip=source_ip)
    recovery = recovery_codes.make()
    told = audit.entry(caller, "recovery_codes.renewed", target=caller.person)
    writes.transact(factor.renew(recovery), told)
    return recovery


def disable(caller: Principal, password: str, code: str, *, source_ip: str) -> None:
    """Turns the factor off, also by a recovery code: who lost their phone then sets up another.

    Raises InvalidCredentials and Throttled as a login does, Conflict when none is on. Where it is demanded, the next
    refresh lets the user do nothing but set up a new one.
    """
    person, factor = _prove(caller, password, code, source_ip=source_ip)
    told = audit.entry(caller, "second_factor.disabled", target=caller.person)
    writes.transact(factor.remove(), told)
    _end_others(caller, "second_factor.disabled")
    delivery.warn_owner(Letter.SECOND_FACTOR_OFF, person)


def _prove(caller: Principal, password: str, code: str, *, source_ip: str) -> tuple[Item, Factor]:
    """Uses the code up before what it is for: a crash in between costs a code, and never lets one count twice."""
    factor = _factor(caller.person)
    if factor is None or not factor.on:
        raise Conflict("No second factor is on.")
    person, _, attempt = credentials.prove(caller.person, password, source_ip=source_ip)
    writes.transact(attempt.forgive(), *attempt.spend(factor, code, tenant=caller.tenant_id))
    return person, factor


def _factor(user: UserId) -> Factor | None:
    return second_factor.of(user, tables.get(*second_factor.place(user)))


def _end_others(caller: Principal, because: str) -> None:
    tokens.end_all(caller.person, because=because, but=caller.session)
