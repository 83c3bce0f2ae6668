"""A customer's system, over the deployed stack: told of every event, in calls that the reference library verifies.

The local stage alone calls the loopback over http, which is where this system is; all else of an address is refused.
"""

from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.e2e.sending import completed
from tests.e2e.stack import Tenant, wait_until
from tests.sms.customer import Customer, open_customer

_EVENTS = ["message.submitted", "message.delivered", "batch.completed", "inbound.received"]


def test_a_system_is_told_of_texts_and_answers_signed_and_a_second_post_of_an_answer_is_not_told(
    tenant: Tenant,
) -> None:
    tenant.buy_lite()
    numbers = tenant.numbers(2, ending="010")
    with open_customer() as customer:
        made = tenant.post("sms/webhooks/", {"url": customer.url, "events": _EVENTS})
        assert made.status_code == 201, made.text
        batch = tenant.send(numbers).json()["id"]
        completed(tenant, batch)
        wait_until("both deliveries are told", lambda: _delivered(customer) == {f"+255{one[1:]}" for one in numbers})
        token = tenant.stack.secret("BeemSecret")["callback_token"]
        text = {"from": f"255{numbers[0][1:]}", "to": "255699000000", "message": {"text": "Asante"}}
        for _ in range(2):
            posted = tenant.post(f"webhooks/sms/beem/{token}/inbound/", {**text, "transaction_id": batch}, token=None)
            assert posted.status_code == 200, posted.text
        wait_until("the answer is told", lambda: customer.told("inbound.received"))
        wait_until("the feed has all of it", lambda: _feed(tenant) == _ids(customer.told()), every_s=2)
        assert {event["type"] for event in customer.told()} == set(_EVENTS)
        assert len(_ids(customer.told("inbound.received"))) == 1
        secret = made.json()["secret"]
        assert all(Webhook(secret).verify(call.body, call.headers) == call.event for call in customer.calls)


def test_addresses_that_are_not_the_laptops_own_are_refused_by_the_deployed_stack_too(tenant: Tenant) -> None:
    for url in ("http://10.0.0.1/", "https://169.254.169.254/latest/", "https://[::ffff:127.0.0.1]/", "http://[::1]/"):
        answer = tenant.post("sms/webhooks/", {"url": url, "events": _EVENTS})
        assert (answer.status_code, answer.json()["code"]) == (422, "webhook_url_refused"), url


def _delivered(customer: Customer) -> set[str]:
    return {message["to"] for event in customer.told("message.delivered") for message in event["data"]["messages"]}


def _feed(tenant: Tenant) -> set[str]:
    return _ids(tenant.get("sms/events/", limit=100)["items"])


def _ids(events: list[dict[str, Any]]) -> set[str]:
    return {event["id"] for event in events}
