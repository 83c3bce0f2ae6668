"""The story that the demo tells: register, top up, send, see what was delivered, and what it cost."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from sandbox.demo import audit, customers
from sandbox.demo.screen import Screen
from sandbox.demo.tenant import Tenant
from sandbox.steps import CloudError

PACKAGE = "lite"
SENDER_ID = "Taarifa-SMS"
PAYER_PREFIX = "0754321"
_PAID_MAX_S = 60.0
_ENDED_MAX_S = 420.0
_LOOK_AGAIN_S = 1.0
_OVER = frozenset({"failed", "expired", "cancelled", "review"})


def tell(stack: Mapping[str, Any], screen: Screen | None = None) -> int:
    """Walk the whole way once; 0 when everything adds up, 1 when something does not."""
    screen = screen or Screen()
    tenant = Tenant(stack["api_url"])
    try:
        email, password = _register(screen, tenant)
        bought = _top_up(screen, tenant)
        message, batch = _send(screen, tenant)
        batch = _wait_until_ended(screen, tenant, batch)
        wrong = _reckon(screen, tenant, stack, bought=bought, message=message, batch=batch)
    finally:
        tenant.close()
    if wrong:
        for sentence in wrong:
            screen.wrong(sentence)
        return 1
    screen.right("Everything adds up: each recipient has ended, each credit is accounted for, no text went out twice.")
    _where_to_look(screen, stack, batch["id"], email, password)
    return 0


def _register(screen: Screen, tenant: Tenant) -> tuple[str, str]:
    screen.chapter("1. A shop registers")
    email = f"asha.{secrets.token_hex(4)}@duka.example"
    password = secrets.token_urlsafe(15)
    made = tenant.register(
        email=email,
        password=password,
        first_name="Asha",
        last_name="Mushi",
        phone=f"0765{secrets.randbelow(1_000_000):06}",
        business_name="Duka la Asha",
    )
    screen.say(f"{made['tenant']['name']} is registered; {email} is its {made['user']['role']}.")
    return email, password


def _top_up(screen: Screen, tenant: Tenant) -> int:
    screen.chapter("2. It buys the Lite package with M-Pesa")
    package = next((item for item in tenant.get("billing/sms/packages/")["items"] if item["id"] == PACKAGE), None)
    if package is None:
        raise CloudError("The catalogue has no Lite package.")
    phone = f"{PAYER_PREFIX}{600 + secrets.randbelow(400)}"
    payment = tenant.post("billing/payments/initiate/", package_id=PACKAGE, provider="vodacom", phone=phone)
    screen.say(f"{payment['amount']:,} {payment['currency']} asked of {payment['phone']}; the payer confirms the push.")
    with screen.progress("Payment", 1) as update:

        def look() -> bool:
            now = tenant.get(f"billing/payments/{payment['id']}/")
            update(int(now["status"] == "completed"), now["status"])
            if now["status"] in _OVER:
                raise CloudError(f"The payment ended as {now['status']} ({now['failure_code']}).")
            return bool(now["status"] == "completed")

        _until(look, _PAID_MAX_S, f"The payment was not completed within {_PAID_MAX_S:.0f} s.")
    bought: int = package["credits"]
    balance = tenant.get("billing/balance/")
    screen.say(f"The balance is {balance['available']:,} credits.")
    if balance["available"] != bought:
        raise CloudError(f"{bought:,} credits were bought, and the balance says {balance['available']:,}.")
    return bought


def _send(screen: Screen, tenant: Tenant) -> tuple[str, dict[str, Any]]:
    screen.chapter("3. It sends a text to its customer list")
    people = customers.read()
    offer = secrets.token_hex(3).upper()
    message = (
        f"Habari! Duka la Asha lina ofa ya sikukuu: punguzo la 20% hadi Jumamosi. Onyesha namba {offer}. Karibu sana!"
    )
    batch = tenant.post("sms/send/", sender_id=SENDER_ID, text=message, recipients=[person.phone for person in people])
    screen.say(f"{customers.FILE.name} has {len(people):,} numbers. From {SENDER_ID}: {message}")
    screen.say(
        f"Accepted {batch['accepted']:,}, refused {len(batch['refused'])}; {batch['segments']} segment of "
        f"{batch['encoding']} each, {batch['price']:,} credits held."
    )
    return message, batch


def _wait_until_ended(screen: Screen, tenant: Tenant, batch: dict[str, Any]) -> dict[str, Any]:
    screen.chapter("4. Every recipient ends in a known state")
    screen.say("A few numbers never report: they end as unknown when their time is up, half a minute on this stage.")
    with screen.progress("Texts", batch["accepted"]) as update:

        def look() -> bool:
            batch.update(tenant.get(f"sms/batches/{batch['id']}/"))
            counts = batch["counts"]
            ended = sum(counts.get(status, 0) for status in audit.ENDED)
            update(ended, ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()) if count))
            return bool(ended == batch["accepted"] and batch["status"] == "completed")

        _until(look, _ENDED_MAX_S, f"Not every text had ended within {_ENDED_MAX_S:.0f} s.")
    return batch


def _reckon(
    screen: Screen, tenant: Tenant, stack: Mapping[str, Any], *, bought: int, message: str, batch: dict[str, Any]
) -> list[str]:
    """Show outcome, ledger and balance; returns what does not add up."""
    entries = sorted(tenant.pages("billing/ledger/"), key=lambda entry: int(entry["seq"]))
    balance = tenant.get("billing/balance/")
    people = customers.read()
    counts = batch["counts"]
    screen.table("What became of the texts", ("status", "recipients"), sorted(counts.items()))
    screen.table(
        "The ledger",
        ("no.", "kind", "credits", "available after", "held after"),
        [(e["seq"], e["kind"], e["amount"], e["available_after"], e["held_after"]) for e in entries],
    )
    screen.say(f"Balance: {balance['available']:,} credits available, {balance['held']:,} held.")
    screen.say(f"The batch was priced at {batch['price']:,} credits and cost {batch['charged']:,}.\n")
    delivered = sum(person.is_delivered for person in people)
    wrong = [
        *audit.purchase(entries, bought),
        *audit.batch(batch, len(people), entries),
        *audit.ledger(entries, balance),
        *audit.provider(_provider_log(stack), message),
    ]
    if counts.get("delivered", 0) != delivered:
        wrong.append(f"Beem delivered {delivered:,} texts, the batch counts {counts.get('delivered', 0):,}.")
    return wrong


def _provider_log(stack: Mapping[str, Any]) -> list[dict[str, Any]]:
    url = f"{stack['sandbox_url']}/beem/log".replace("//localhost", "//127.0.0.1")
    try:
        log: list[dict[str, Any]] = requests.get(url, timeout=30).json()
    except requests.RequestException as error:
        raise CloudError("The Beem simulator did not show its log.") from error
    return log


def _where_to_look(screen: Screen, stack: Mapping[str, Any], batch_id: str, email: str, password: str) -> None:
    screen.chapter("Where to look next")
    screen.say(f"The API's manual       {stack['api_url']}/docs/")
    screen.say(f"This batch             GET {stack['api_url']}/sms/batches/{batch_id}/messages/")
    screen.say(f"   as                  {email} with {password}")
    screen.say(f"What Beem took on      {stack['sandbox_url']}/beem/log")
    screen.say(f"What ZenoPay took on   {stack['sandbox_url']}/zenopay/log")
    screen.say(f"End it all             {_end(stack['name'])}")


def _end(name: str) -> str:
    return "make down" if name == "stack" else f"python -m sandbox down --name {name}"


def _until(look: Callable[[], bool], limit_s: float, sentence: str) -> None:
    deadline = time.monotonic() + limit_s
    while not look():
        if time.monotonic() > deadline:
            raise CloudError(sentence)
        time.sleep(_LOOK_AGAIN_S)
