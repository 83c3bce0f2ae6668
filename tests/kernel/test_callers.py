"""Callers: what an Authorization header must be, what a principal may do, and how seldom keys are read."""

import json
from base64 import urlsafe_b64encode

import jwt
import pytest

from mifumo import callers, clock
from mifumo.callers import Principal, SecondFactorMissing
from mifumo.errors import Forbidden, InvalidCredentials, TokenExpired, Unauthenticated
from mifumo.ids import TenantId, UserId
from mifumo.permissions import RULES, Action, Role, Scope
from tests.builders import KEY, KEY_ID, token
from tests.wire import Wire


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer  "])
def test_a_bearer_token_makes_a_principal(aws_tables: Wire, scheme: str) -> None:
    caller = callers.authenticate(scheme + token(tenant="t7", user="u9", role="agent"))
    assert caller == Principal(TenantId("t7"), UserId("u9"), Role.AGENT)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "token"])
def test_a_header_without_a_bearer_token_is_nobody(aws_tables: Wire, header: str | None) -> None:
    aws_tables.clear()
    with pytest.raises(Unauthenticated) as refused:
        callers.authenticate(header)
    assert refused.value.code == "unauthenticated"
    assert aws_tables.count() == 0


@pytest.mark.parametrize("claim", ["iss", "sub", "tid", "role", "iat", "exp"])
def test_a_token_that_lacks_a_claim_is_not_valid(aws_tables: Wire, claim: str) -> None:
    claims = jwt.decode(token(), KEY, [callers.ALGORITHM], issuer=callers.ISSUER)
    del claims[claim]
    with pytest.raises(InvalidCredentials):
        callers.authenticate("Bearer " + jwt.encode(claims, KEY, callers.ALGORITHM, headers={"kid": KEY_ID}))


def test_an_expired_token_that_is_forged_too_is_not_called_expired(aws_tables: Wire) -> None:
    """Only who held a token once may learn that it has expired."""
    with pytest.raises(TokenExpired):
        callers.authenticate("Bearer " + token(expires_in_s=-1))
    with pytest.raises(InvalidCredentials):
        callers.authenticate("Bearer " + token(expires_in_s=-1)[:-4] + "AAAA")


@pytest.mark.parametrize("kid", [7, ["k1"], {"k1": 1}, None, ""], ids=str)
def test_a_key_id_that_is_no_name_is_not_valid(aws_tables: Wire, kid: object) -> None:
    claims = jwt.decode(token(), KEY, [callers.ALGORITHM], issuer=callers.ISSUER)
    forged = jwt.encode(claims, KEY, callers.ALGORITHM, headers={"kid": "x"})
    head = urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode()).decode().rstrip("=")
    with pytest.raises(InvalidCredentials):
        callers.authenticate(f"Bearer {head}.{forged.split('.', 1)[1]}")


def test_keys_are_read_once_in_five_minutes(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    aws_tables.clear()
    good = "Bearer " + token()
    for _ in range(3):
        callers.authenticate(good)
    assert aws_tables.count("GetSecretValue") == 1
    later = clock.epoch() + 301
    monkeypatch.setattr(clock, "epoch", lambda: later)
    callers.authenticate(good)
    assert aws_tables.count("GetSecretValue") == 2


def person(role: Role, *, enrolling: bool = False) -> Principal:
    return Principal(TenantId("t"), UserId("u"), role, enrolling=enrolling)


def key(*scopes: Scope) -> Principal:
    return Principal(TenantId("t"), key_id="k9", scopes=frozenset(scopes))


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_its_row_says_and_nothing_else(role: Role, action: Action) -> None:
    if role in RULES[action].roles:
        person(role).require(action)
        return
    with pytest.raises(Forbidden, match=role.value):
        person(role).require(action)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("scope", Scope)
def test_a_key_may_what_its_scope_says_whatever_its_maker_was(scope: Scope, action: Action) -> None:
    caller = key(scope)
    if RULES[action].scope is scope:
        caller.require(action)
        return
    with pytest.raises(Forbidden, match="API key"):
        caller.require(action)


@pytest.mark.parametrize("action", Action)
def test_a_key_without_scopes_may_nothing(action: Action) -> None:
    assert not key().may(action)


def test_who_has_to_set_up_a_second_factor_may_look_after_their_account_alone() -> None:
    owner = person(Role.OWNER, enrolling=True)
    owner.require(Action.OWN_ACCOUNT)
    with pytest.raises(SecondFactorMissing) as refused:
        owner.require(Action.SMS_READ)
    assert (refused.value.status, refused.value.code) == (403, "second_factor_missing")


def test_a_key_acts_under_its_own_name_and_is_no_person() -> None:
    assert (key().actor, person(Role.AGENT).actor) == ("key:k9", "u")
    assert person(Role.AGENT).person == "u"
    with pytest.raises(Forbidden):
        _ = key().person


def test_what_we_sign_with_is_what_we_let_in_with(aws_tables: Wire) -> None:
    assert callers.signing_key() == (KEY_ID, KEY)
