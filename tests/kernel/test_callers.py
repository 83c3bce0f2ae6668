"""Callers: what an Authorization header must be, what a principal may do, and how seldom keys are read."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable

import jwt
import pytest

from mifumo import callers, clock
from mifumo.callers import Principal, Role
from mifumo.errors import Forbidden, InvalidCredentials, TokenExpired, Unauthenticated
from mifumo.ids import TenantId, UserId
from tests.builders import KEY, KEY_ID, token
from tests.wire import Wire


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer  "])
def test_a_bearer_token_makes_a_principal(aws_tables: Wire, scheme: str) -> None:
    caller = callers.authenticate(scheme + token(tenant="t7", user="u9", role="agent"))
    assert caller == Principal(UserId("u9"), TenantId("t7"), Role.AGENT)


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


ROLES: dict[str, Callable[[Principal], None]] = {
    "one": lambda caller: caller.require(Role.OWNER),
    "several": lambda caller: caller.require(Role.ADMIN, Role.OWNER),
}


@pytest.mark.parametrize("needs", ROLES)
def test_a_role_opens_what_it_is_named_for_and_nothing_else(needs: str) -> None:
    ROLES[needs](Principal(UserId("u"), TenantId("t"), Role.OWNER))
    with pytest.raises(Forbidden, match="agent"):
        ROLES[needs](Principal(UserId("u"), TenantId("t"), Role.AGENT))


def test_what_we_sign_with_is_what_we_let_in_with(aws_tables: Wire) -> None:
    assert callers.signing_key() == (KEY_ID, KEY)
