"""Quotes: frozen, one for each key, and the tenant's own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from mifumo import clock, prices, quotes, settings, tables, vat, writes
from mifumo.errors import IdempotencyKeyReused
from mifumo.ids import PaymentId, TenantId
from mifumo.packages import PACKAGES
from mifumo.prices import CREDITS_MAX, CREDITS_MIN, QuantityOutsideLimits, Tier
from mifumo.quotes import Quote, QuoteExpired, QuoteUsed
from mifumo.vat import RATES, Buyer
from tests.wire import Crash, Wire

TENANT, OTHER = TenantId("t1"), TenantId("t2")
VALIDITY_S = 1_800


@pytest.fixture(autouse=True)
def validity(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTE_VALIDITY_S", str(VALIDITY_S))
    settings.forget()


def quote(
    quantity: int = 5_000, *, tenant: TenantId = TENANT, key: str = "key-1", buyer: Buyer = Buyer.UNREGISTERED
) -> Quote:
    return quotes.for_credits(tenant, key, quantity, buyer=buyer)


def lite(key: str = "key-1") -> Quote:
    return quotes.for_package(TENANT, key, PACKAGES["lite"], buyer=Buyer.REGISTERED)


def stored(tenant: TenantId = TENANT) -> list[dict[str, object]]:
    return list(tables.query_all("ledger", f"T#{tenant}#QUOTE", consistent=True))


def test_a_package_is_offered_at_its_price_with_the_vat_in_it() -> None:
    offered = lite()
    assert (offered.credits, offered.package_id, offered.currency) == (5_000, "lite", "TZS")
    assert (offered.total, offered.net, offered.vat, offered.vat_rate) == (150_000, 127_119, 22_881, 1_800)
    assert offered.unit_price == 30


def test_a_quantity_is_offered_without_a_package() -> None:
    offered = quote(60_000)
    assert (offered.credits, offered.total, offered.unit_price, offered.package_id) == (60_000, 1_250_000, 21, None)


@given(st.integers(CREDITS_MIN, CREDITS_MAX), st.sampled_from(Buyer))
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_offer_adds_up_and_is_read_back_as_it_was_made(quantity: int, buyer: Buyer) -> None:
    offered = quote(quantity, key=f"{quantity} {buyer}", buyer=buyer)
    assert offered.net + offered.vat == offered.total == prices.of_credits(quantity).total_tzs
    quotes.keep(offered)
    assert quotes.read(TENANT, offered.id) == offered


def test_too_few_credits_are_not_offered_and_nothing_is_kept() -> None:
    with pytest.raises(QuantityOutsideLimits):
        quote(CREDITS_MIN - 1)
    assert stored() == []


def test_an_offer_is_kept_once_and_the_same_request_meets_it() -> None:
    first, replayed = quotes.keep(quote())
    assert not replayed
    again, replayed = quotes.keep(quote())
    assert replayed
    assert again == first
    assert len(stored()) == 1


def test_the_same_key_for_something_else_is_refused_and_changes_nothing() -> None:
    kept, _ = quotes.keep(quote(5_000))
    for other in (quote(5_001), lite(), quote(5_000, buyer=Buyer.REGISTERED)):
        with pytest.raises(IdempotencyKeyReused):
            quotes.keep(other)
    assert quotes.read(TENANT, kept.id) == kept


def test_an_offer_stands_as_it_was_made_when_prices_and_rates_change(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _ = quotes.keep(quote(4_000))
    monkeypatch.setattr(prices, "TIERS", (Tier("Dear", 100, 50),))
    monkeypatch.setattr(vat, "rate_at", lambda *_: 2_000)
    assert (kept.total, kept.vat_rate) == (120_000, 1_800)
    assert quotes.read(TENANT, kept.id) == kept
    dearer = quote(4_000)
    assert (dearer.total, dearer.vat_rate) == (200_000, 2_000)
    assert quotes.keep(dearer) == (kept, True)


def test_another_tenants_offer_is_not_there() -> None:
    kept, _ = quotes.keep(quote())
    assert quotes.read(OTHER, kept.id) is None


def test_two_tenants_with_one_key_have_an_offer_each() -> None:
    ours, _ = quotes.keep(quote())
    theirs, replayed = quotes.keep(quote(6_000, tenant=OTHER))
    assert not replayed
    assert ours.id != theirs.id
    assert (quotes.read(TENANT, ours.id), quotes.read(OTHER, theirs.id)) == (ours, theirs)


@pytest.mark.parametrize("text", ["", "x", "Q#", "../t2", "0" * 26, "T#t1#QUOTE"])
def test_what_is_no_id_of_an_offer_is_not_there(text: str) -> None:
    quotes.keep(quote())
    assert quotes.read(TENANT, text) is None


def test_an_offer_expires_after_its_validity_and_can_still_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _ = quotes.keep(quote())
    made = clock.parse(kept.created_at)
    assert kept.expires_at == clock.after(VALIDITY_S, made)
    for seconds, expired in ((0, False), (VALIDITY_S - 1, False), (VALIDITY_S, True), (VALIDITY_S + 86_400, True)):
        monkeypatch.setattr(clock, "now", lambda passed=seconds: made + timedelta(seconds=passed))
        assert kept.expired is expired
        assert quotes.read(TENANT, kept.id) == kept


def test_an_offer_is_kept_for_good_and_cannot_be_changed_in_memory() -> None:
    kept, _ = quotes.keep(quote())
    (item,) = stored()
    assert "ttl" not in item
    with pytest.raises(FrozenInstanceError):
        kept.total = 1  # type: ignore[misc]


def test_the_rate_is_that_of_the_moment_for_the_buyers_status(monkeypatch: pytest.MonkeyPatch) -> None:
    called = (*(replace(rate, postponed=False) for rate in RATES),)
    monkeypatch.setattr(vat.rate_at, "__kwdefaults__", {"rates": called})
    assert quote(buyer=Buyer.UNREGISTERED).vat_rate == 1_600
    assert quote(buyer=Buyer.REGISTERED).vat_rate == 1_800


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_while_keeping_leaves_one_offer_to_the_next_attempt(aws_tables: Wire, *, after: bool) -> None:
    aws_tables.cut(0, after=after)
    with pytest.raises(Crash):
        quotes.keep(quote())
    aws_tables.mend()
    kept, replayed = quotes.keep(quote())
    assert replayed is after
    assert len(stored()) == 1
    assert quotes.read(TENANT, kept.id) == kept


def test_twins_in_parallel_get_the_same_offer(aws_tables: Wire) -> None:
    aws_tables.take_turns()
    answers: list[tuple[Quote, bool]] = []
    threads = [threading.Thread(target=lambda: answers.append(quotes.keep(quote()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({offered.created_at for offered, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(False) == 1
    assert len(stored()) == 1


def taken(quote: Quote) -> str | None:
    found = quotes.read(TENANT, quote.id)
    assert found
    return found.payment_id


def test_an_offer_is_taken_by_one_payment_however_often_that_asks() -> None:
    kept, _ = quotes.keep(quote())
    for _ in range(2):
        writes.commit(quotes.take(kept, PaymentId("p1")))
    with pytest.raises(QuoteUsed) as refused:
        writes.commit(quotes.take(kept, PaymentId("p2")))
    assert refused.value.extensions == {"payment_id": "p1"}
    assert taken(kept) == "p1"


def test_an_offer_passes_on_from_the_payment_that_had_it_and_from_no_other() -> None:
    kept, _ = quotes.keep(quote())
    writes.commit(quotes.take(kept, PaymentId("p1")))
    writes.commit(quotes.take(kept, PaymentId("p2"), instead_of=PaymentId("p1")))
    with pytest.raises(QuoteUsed):
        writes.commit(quotes.take(kept, PaymentId("p3"), instead_of=PaymentId("p1")))
    assert taken(kept) == "p2"


def test_an_expired_offer_is_taken_for_what_was_begun_before_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _ = quotes.keep(quote())
    begun, later = clock.stamp(), clock.now() + timedelta(seconds=VALIDITY_S)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(QuoteExpired):
        writes.commit(quotes.take(kept, PaymentId("p1")))
    assert taken(kept) is None
    writes.commit(quotes.take(kept, PaymentId("p1"), since=begun))
    with pytest.raises(QuoteExpired):
        writes.commit(quotes.take(kept, PaymentId("p2"), instead_of=PaymentId("p1")))
    assert taken(kept) == "p1"


def test_an_offer_opens_its_package_or_the_largest_that_it_contains() -> None:
    assert [quote(quantity).opens for quantity in (4_999, 5_000, 60_000)] == [None, "lite", "standard"]
    assert lite().opens == "lite"


def test_many_payments_at_once_get_one_offer_for_one_of_them(aws_tables: Wire) -> None:
    kept, _ = quotes.keep(quote())
    aws_tables.take_turns()

    def take(number: int) -> bool:
        try:
            writes.commit(quotes.take(kept, PaymentId(f"p{number}")))
        except QuoteUsed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(take, range(8))).count(True) == 1
