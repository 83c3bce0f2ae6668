"""Every corner of every schema of the contract, sent to the doors in this process: each answer is documented.

The same cases over HTTP would take minutes of the emulator's time; over HTTP go the contract's examples, made-up cases
and walks (`tests/e2e/test_contract.py`). schemathesis makes its tests while they run, which processes cannot share.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, settings
from schemathesis import Case

from mifumo import ledger, tenants, wallets, writes
from mifumo import settings as mifumo_settings
from mifumo.ids import TenantId
from sandbox.testing import RunningZenoPay, running_zenopay
from tests.auth.door import Door
from tests.builders import token
from tests.contract import gateway
from tests.contract.fuzzing import CHECKS, HYPOTHESIS, contract, keep_small, senders
from tests.wire import Wire

_CONTRACT = contract(
    examples={"enabled": False},
    # One method that a path does not have stands for all: which they are is the gateway's to say, not a route's.
    coverage={"unexpected-methods": ["put"]},
)


@pytest.fixture(scope="module")
def zenopay() -> Iterator[RunningZenoPay]:
    """Starts the provider that is asked for payments."""
    with running_zenopay() as running:
        yield running


@pytest.fixture
def business(aws_tables: Wire, zenopay: RunningZenoPay, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Registers a business with credits; returns the ids of tenant and owner."""
    monkeypatch.setenv("ZENOPAY_URL", zenopay.url)
    mifumo_settings.forget()
    told = Door(aws_tables).register().body
    tenant = TenantId(told["tenant"]["id"])
    writes.commit(tenants.verify(tenant))
    ledger.move(
        wallets.read(tenant),
        lambda wallet: ledger.credit(wallet, 5_000, name="test", reference="test", postings=[], package="lite"),
    )
    return tenant, told["user"]["id"]


@_CONTRACT.parametrize()
@settings(phases=[Phase.explicit], **HYPOTHESIS)
def test_every_corner_is_answered_as_the_contract_tells(case: Case[Any], business: tuple[str, str]) -> None:
    tenant, user = business
    keep_small(case)
    role = next(role for role in ("owner", "staff", "agent") if role in senders(case))
    headers = {"Authorization": f"Bearer {token(tenant=tenant, user=user, role=role)}"}
    case.call_and_validate(checks=CHECKS, base_url=gateway.ORIGIN, session=gateway.session(), headers=headers)
