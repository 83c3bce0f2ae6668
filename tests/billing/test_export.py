"""Exporting money: the wallet, every line of its statement and every payment, as the API tells them, of one tenant."""

import json
from typing import Any

import pytest

from functions.billing import privacy
from mifumo import aws, ids, tenants, writes
from mifumo import privacy as requests
from mifumo.ids import TenantId
from mifumo.privacy import Kind, Part, State, Step
from tests.billing.conftest import INITIATE, TENANT, Till
from tests.builders import token
from tests.steps import Steps


@pytest.fixture
def steps(till: Till, exports_bucket: str) -> Steps:
    """The worker and its queue; the provider calls back from a thread of its own."""
    till.wire.take_turns()
    return Steps(Part.BILLING, privacy.handler)


def asked() -> Step:
    """Asks for an export; returns the first step of it."""
    step = requests.first(Kind.EXPORT, TENANT, ids.new(), run=ids.new())
    writes.commit(requests.ask(step))
    return step


def files(step: Step) -> dict[str, list[Any]]:
    """Reads the files of an export, by name."""
    client, prefix = aws.s3(), f"{step.tenant}/{step.id}/"
    listed = client.list_objects_v2(Bucket="exports", Prefix=prefix).get("Contents", [])
    texts = {one["Key"]: client.get_object(Bucket="exports", Key=one["Key"])["Body"].read().decode() for one in listed}
    return {key.removeprefix(prefix): [json.loads(line) for line in text.splitlines()] for key, text in texts.items()}


def bought(till: Till) -> None:
    """Buys, pays and gets the credits."""
    payment = till.bought()
    till.paid(payment)
    till.callbacks(1)
    till.look(payment)
    till.credited(payment)


def test_the_wallet_its_statement_and_payments_are_told_in_the_words_of_the_api(till: Till, steps: Steps) -> None:
    bought(till)
    step = steps.run(asked())
    assert steps.state(step) is State.DONE
    assert files(step) == {
        "balance-00001.jsonl": [till.call("GET", "/api/billing/balance/")[1]],
        "statement-00001.jsonl": till.call("GET", "/api/billing/ledger/")[1]["items"],
        "payments-00001.jsonl": till.call("GET", "/api/billing/payments/")[1]["items"],
    }


def test_nothing_of_another_tenant_is_told_and_no_secret(till: Till, steps: Steps) -> None:
    writes.commit(tenants.put(TenantId("t2"), "Duka", verified=True))
    body = {"package_id": "lite", "provider": "vodacom", "phone": "0754999888"}
    assert till.call("POST", INITIATE, body, token=token(tenant="t2"))[0] == 202
    bought(till)
    text = json.dumps(files(steps.run(asked())))
    assert "754999888" not in text
    assert "754123456" in text
    assert [name for name in ("fingerprint", "listing_pk", '"pk"', "api_key", "token") if name in text] == []


def test_a_second_delivery_writes_the_same_files(till: Till, steps: Steps) -> None:
    bought(till)
    step = steps.run(asked())
    once = files(step)
    steps.run(step)
    assert files(step) == once
