"""Signed callbacks, all the way: the simulator signs and sends over HTTP, the adapter reads its keys, we verify."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from functions.webhooks import http_signatures
from functions.webhooks.http_signatures import Outcome, Reason, Request, Verdict
from functions.webhooks.key_ring import AGAIN_AFTER_S, KeyRing
from mifumo import clock
from mifumo.phone import Msisdn
from mifumo.providers import pawapay_records
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import ProviderUnavailableError, Push
from sandbox.doorstep import Call, Doorstep, open_doorstep
from sandbox.testing import PAWAPAY_TOKEN, RunningPawaPay, running_pawapay

ORDER = "8917c345-4791-4285-a416-62f24b6982db"
VERIFIED = Verdict(Outcome.VERIFIED)


@dataclass
class Room:
    """A provider that calls back, and a door that verifies as ours does."""

    simulator: RunningPawaPay
    door: Doorstep
    ring: KeyRing
    seen: int = field(default=0)

    def pay(self, last_digits: str = "789") -> Verdict:
        client = PawaPay(url=self.simulator.url, token=PAWAPAY_TOKEN, timeout_s=2)
        client.initiate(Push(ORDER, 150_000, Msisdn(f"+255763456{last_digits}"), "Duka", "", ""))
        return self.next()

    def next(self) -> Verdict:
        return self.verdict(self.arrived())

    def arrived(self) -> Call:
        self.seen += 1
        self.door.wait_for(self.seen)
        return self.door.calls[self.seen - 1]

    def verdict(self, call: Call, *, path: str | None = None) -> Verdict:
        at = urlsplit(self.door.url)
        request = Request("POST", at.netloc, path or at.path, call.headers, call.raw)
        return http_signatures.verify(request, keys=self.ring.find, now=clock.epoch())


@pytest.fixture
def room() -> Iterator[Room]:
    with open_doorstep() as door, running_pawapay(door.url) as simulator:
        client = PawaPay(url=simulator.url, token=PAWAPAY_TOKEN, timeout_s=1)
        simulator.simulator.postman._retry_gaps_s = (0.05, 0.05)
        yield Room(simulator, door, KeyRing(client.public_keys))


def test_a_callback_is_its_providers_own_word_and_says_what_the_status_says(room: Room) -> None:
    assert room.pay() == VERIFIED
    claim = pawapay_records.parse_callback(room.door.calls[0].raw)
    assert claim.statement == PawaPay(url=room.simulator.url, token=PAWAPAY_TOKEN, timeout_s=2).fetch_status(ORDER)


def test_the_form_of_the_rfc_is_as_good(room: Room) -> None:
    room.simulator.add_fault("sign_raw")
    assert room.pay() == VERIFIED


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("unsigned", Verdict(Outcome.MALFORMED, Reason.HEADER_MISSING)),
        ("sign_with_another_key", Verdict(Outcome.BAD_SIGNATURE, Reason.SIGNATURE_WRONG)),
        ("body_changed", Verdict(Outcome.BAD_SIGNATURE, Reason.DIGEST_WRONG)),
        ("sign_stale", Verdict(Outcome.STALE, Reason.EXPIRED)),
    ],
)
def test_a_callback_that_is_signed_wrongly_is_known_and_its_true_repetition_accepted(
    room: Room, fault: str, verdict: Verdict
) -> None:
    room.simulator.add_fault(fault)
    room.door.answers = [401]
    assert room.pay() == verdict
    assert room.next() == VERIFIED


def test_a_captured_callback_proves_nothing_two_minutes_later_or_at_another_door(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.pay()
    (call,) = room.door.calls
    assert room.verdict(call, path="/callbacks/another/").outcome is Outcome.BAD_SIGNATURE
    now = clock.epoch()
    monkeypatch.setattr(clock, "epoch", lambda: now + 130)
    assert room.verdict(call) == Verdict(Outcome.STALE, Reason.EXPIRED)


def test_a_new_key_is_found_at_its_first_use(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    assert room.pay() == VERIFIED
    assert room.simulator.rotate_key() == "HTTP_EC_P256_KEY:2"
    room.simulator.call_back(ORDER)
    assert room.next() == Verdict(Outcome.BAD_SIGNATURE, Reason.KEY_UNKNOWN)  # the keys were read a moment ago
    later = clock.now().timestamp() + AGAIN_AFTER_S + 1
    monkeypatch.setattr(clock, "now", lambda: time_at(later))
    assert room.verdict(room.door.calls[-1]) == VERIFIED


def time_at(timestamp: float) -> object:
    return clock.parse(time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(timestamp)))


@pytest.mark.parametrize("fault", ["keys_500", "keys_timeout"])
def test_without_keys_there_is_no_verdict(room: Room, fault: str) -> None:
    room.simulator.add_fault(fault)
    with pytest.raises(ProviderUnavailableError):
        room.pay()


def test_callbacks_may_come_thrice_or_overtake_each_other_and_are_each_genuine(room: Room) -> None:
    assert [room.pay("329"), room.next(), room.next()] == [VERIFIED] * 3
    assert len({call.raw for call in room.door.calls}) == 1


def test_a_late_callback_is_genuine_and_says_less_than_an_earlier_one(room: Room) -> None:
    assert [room.pay("829"), room.next()] == [VERIFIED] * 2
    claims = [pawapay_records.parse_callback(call.raw).claimed for call in room.door.calls]
    assert claims == ["COMPLETED", "PROCESSING"]
