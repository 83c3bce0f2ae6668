"""The rotation of signing keys: nobody is logged out at any moment, wherever it stops and whoever else runs it."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import jwt
import pytest
import time_machine

from functions.auth import tokens
from mifumo import aws, callers, clock, cursors
from mifumo.errors import InvalidCredentials, ValidationFailed
from tests.builders import KEY, KEY_ID
from tests.wire import Crash, Wire
from tools import rotate_keys
from tools.rotate_keys import EXPIRED_AFTER_S, KNOWN_AFTER_S, Rotation, RotationError

START = 1_772_352_000
LAST = {"pk": "W#t1", "sk": "E#000000000042"}
SCOPE = "ledger:t1"


class Time:
    """The clock, which only sleeping moves; whoever watches is told of each second in which something can happen."""

    def __init__(self, travelled: Any) -> None:
        self._travelled = travelled
        self.watch: Callable[[], None] = lambda: None
        self.sleeps = 0
        self.interrupt_at: int | None = None

    def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        if self.sleeps == self.interrupt_at:
            raise KeyboardInterrupt
        self.pass_(int(seconds))

    def pass_(self, seconds: int) -> None:
        for lap in [30] * (seconds // 30) + [seconds % 30]:
            self._travelled.shift(lap)
            self.watch()


class Process:
    """A warm Lambda: it goes by its own copy of the secret, read at its own time."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.cache: dict[str, Any] = {}

    def enter(self) -> None:
        self._patch.setattr(aws, "_secrets", self.cache)

    def knows(self, kid: str) -> bool:
        return all(kid in keys for _, keys in self.cache.values())


class Fleet:
    """Signs in every process at every moment, and tries all that is good in every other one."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.processes = [Process(patch) for _ in range(10)]
        self.good: dict[str, tuple[int, str]] = {}
        self.cursor: str | None = None
        self.signed_by: set[str] = set()

    def warm_up(self, time: Time) -> None:
        """Lets each process read the secret at another moment of a copy's life: one has always read just before."""
        for process in self.processes:
            process.enter()
            callers.signing_key()
            time.pass_(30)
        time.watch = self.beat

    def beat(self) -> None:
        now = clock.epoch()
        self.good = {kid: (expiry, token) for kid, (expiry, token) in self.good.items() if expiry > now}
        for process in self.processes:
            process.enter()
            kid, token = _token()
            self.signed_by.add(kid)
            assert all(other.knows(kid) for other in self.processes if other.cache)
            self.good[kid] = (now + tokens.ACCESS_S, token)  # the last of each key: the others expire before it
            self.cursor = cursors.encode(LAST, scope=SCOPE)
        for process in self.processes:
            process.enter()
            assert cursors.decode(self.cursor, scope=SCOPE) == LAST
            assert {callers.authenticate(f"Bearer {token}").tenant_id for _, token in self.good.values()} == {"t1"}


@pytest.fixture
def passing(aws_tables: Wire) -> Iterator[Time]:
    with time_machine.travel(START, tick=False) as travelled:
        # The secret as it is on the first day: its only key was made long ago.
        _write({"current": KEY_ID, KEY_ID: KEY})
        aws_tables.clear()
        yield Time(travelled)


@pytest.fixture
def fleet(passing: Time, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet(monkeypatch)
    made.warm_up(passing)
    return made


def test_the_first_rotation_publishes_waits_and_signs_with_the_new_key(passing: Time, fleet: Fleet) -> None:
    begun, told = clock.epoch(), _run(passing)
    kid = f"k{begun}"
    keys = _keys()
    assert keys.keys() == {"current", KEY_ID, kid}
    assert (keys["current"], keys[KEY_ID]) == (kid, KEY)
    assert len(keys[kid]) == 64
    assert clock.epoch() - begun == KNOWN_AFTER_S
    passing.pass_(600)
    assert fleet.signed_by == {KEY_ID, kid}
    assert not any(key in line for line in told for key in (KEY, keys[kid]))


def test_a_second_rotation_drops_the_first_key_when_nothing_it_signed_is_good(passing: Time, fleet: Fleet) -> None:
    _run(passing)
    first = _keys()["current"]
    passing.pass_(KNOWN_AFTER_S)
    before = cursors.encode(LAST, scope=SCOPE)
    begun = clock.epoch()
    _run(passing)
    assert list(_keys()) == ["current", first, f"k{begun}"]
    assert clock.epoch() - begun == KNOWN_AFTER_S + EXPIRED_AFTER_S
    passing.pass_(1_200)
    assert cursors.decode(before, scope=SCOPE) == LAST
    assert fleet.good.keys() == {f"k{begun}"}


def test_a_leaked_key_is_out_after_two_rotations(passing: Time) -> None:
    stolen = _token()[1]
    for _ in range(2):
        _run(passing)
        passing.pass_(1)
    forged = jwt.encode(
        {**jwt.decode(stolen, options={"verify_signature": False}), "exp": clock.epoch() + 900},
        KEY,
        callers.ALGORITHM,
        headers={"kid": KEY_ID},
    )
    with pytest.raises(InvalidCredentials):
        callers.authenticate(f"Bearer {forged}")
    assert KEY not in _keys().values()


def test_an_old_cursor_of_a_dropped_key_is_refused_like_any_other(passing: Time) -> None:
    old = cursors.encode(LAST, scope=SCOPE)
    for _ in range(2):
        _run(passing)
        passing.pass_(301)
    with pytest.raises(ValidationFailed):
        cursors.decode(old, scope=SCOPE)


# A second rotation sleeps 11 times until its key is known and 41 times until the oldest key's tokens are gone.
@pytest.mark.parametrize(
    ("sleep", "away_s"),
    [(1, 1), (1, 7_200), (6, 90), (11, 1), (11, 400), (12, 1), (12, 1_200), (30, 90), (52, 1), (52, 7_200)],
)
def test_interrupted_in_any_wait_it_goes_on_where_it_was(passing: Time, fleet: Fleet, sleep: int, away_s: int) -> None:
    _run(passing)
    first = _keys()["current"]
    passing.pass_(60)
    begun, passing.sleeps, passing.interrupt_at = clock.epoch(), 0, sleep
    with pytest.raises(KeyboardInterrupt):
        _run(passing)
    passing.pass_(away_s)
    _run(passing)
    keys = _keys()
    assert (keys.pop("current"), list(keys)) == (f"k{begun}", [first, f"k{begun}"])
    assert clock.epoch() - begun <= max(KNOWN_AFTER_S + EXPIRED_AFTER_S, sleep * 30 + away_s + EXPIRED_AFTER_S)
    passing.pass_(300)
    assert fleet.signed_by == {KEY_ID, first, f"k{begun}"}


# It calls: read; read, publish, read; read, make current, read; read, drop, read.
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(10))
def test_killed_at_any_call_the_next_run_ends_what_was_begun(
    passing: Time, aws_tables: Wire, call: int, after: bool
) -> None:
    _run(passing)
    first = _keys()["current"]
    passing.pass_(60)
    aws_tables.cut(call, after=after)
    with pytest.raises(Crash):
        _run(passing)
    aws_tables.mend()
    begun = [kid for kid in _keys() if kid not in {"current", KEY_ID, first}]
    if KEY_ID in _keys():
        _run(passing)
    keys = _keys()
    assert keys.keys() == {"current", first, keys["current"]}
    assert keys["current"] in (begun or [keys["current"]])
    assert int(keys["current"][1:]) > int(first[1:])


def test_of_two_runs_at_once_one_publishes_and_the_other_stops(passing: Time) -> None:
    one, other = _rotation(passing), _rotation(passing)
    ring = other.read()
    passing.pass_(1)
    one._publish(one.read())
    published = _keys()
    with pytest.raises(RotationError, match="Somebody else"):
        other._publish(ring)
    assert _keys() == published


def test_of_two_runs_that_both_read_before_either_writes_one_stops(passing: Time) -> None:
    waiting = [_rotation(passing)]

    def overtake(**_: Any) -> None:
        if waiting:
            rotation = waiting.pop()
            rotation._publish(rotation.read())

    aws.secrets_manager().meta.events.register_first("before-call.secrets-manager.PutSecretValue", overtake)
    with pytest.raises(RotationError, match="Another run"):
        _run(passing)
    keys = _keys()
    assert (keys["current"], len(keys)) == (KEY_ID, 3)


def test_a_write_that_the_library_sent_twice_is_one(passing: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    client = aws.secrets_manager()
    once = client.put_secret_value

    def twice(**request: Any) -> Any:
        once(**request)
        return once(**request)

    monkeypatch.setattr(client, "put_secret_value", twice)
    _run(passing)
    assert len(_keys()) == 3


def test_a_key_changed_by_hand_while_it_waits_stops_it(passing: Time) -> None:
    changed: list[dict[str, str]] = []

    def change() -> None:
        if not changed:
            changed.append(_keys() | {"k2": "x" * 64})
            _write(changed[0])

    passing.watch = change
    with pytest.raises(RotationError, match="Somebody else"):
        _run(passing)
    assert _keys() == changed[0]


def test_a_key_put_in_by_hand_is_taken_up_once_every_process_can_know_it(passing: Time) -> None:
    _write({"current": KEY_ID, KEY_ID: KEY, "k2": "x" * 64})
    begun = clock.epoch()
    _run(passing)
    assert _keys() == {"current": "k2", KEY_ID: KEY, "k2": "x" * 64}
    assert clock.epoch() - begun == KNOWN_AFTER_S


def test_a_key_that_signed_until_now_is_dropped_only_when_its_last_token_has_expired(
    passing: Time, fleet: Fleet
) -> None:
    # By hand two keys came in and neither was used: the one that has signed all the time is the oldest of three.
    _write({"current": KEY_ID, KEY_ID: KEY, "k2": "x" * 64, "k3": "y" * 64})
    _run(passing)
    assert _keys().keys() == {"current", "k2", "k3"}
    passing.pass_(300)
    assert fleet.signed_by == {KEY_ID, "k3"}


@pytest.mark.parametrize("keys", [{}, {"current": "k9", KEY_ID: KEY}, {KEY_ID: KEY}])
def test_a_secret_of_another_layout_is_left_alone(passing: Time, keys: dict[str, str]) -> None:
    _write(keys)
    with pytest.raises(RotationError, match="no current key"):
        _run(passing)
    assert _keys() == keys


def test_a_clock_that_runs_behind_is_noticed(passing: Time) -> None:
    behind = Rotation(_arn(), now=lambda: clock.epoch() - 60, sleep=passing.sleep, tell=lambda _: None)
    with pytest.raises(RotationError, match="clock"):
        behind.run()
    assert _keys() == {"current": KEY_ID, KEY_ID: KEY}


def test_the_waits_are_as_long_as_copies_and_tokens_live() -> None:
    assert rotate_keys.CACHED_S == aws._SECRET_TTL_S
    assert rotate_keys.EXPIRED_AFTER_S == aws._SECRET_TTL_S + tokens.ACCESS_S + 30


def test_the_command_line_tells_how_far_it_is_and_never_a_key(
    passing: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"SigningKeysSecret": {"Value": _arn()}},
    }
    boto3.client("cloudformation").create_stack(StackName="mifumo-dev-data", TemplateBody=json.dumps(template))
    before = _keys()
    rotate_keys.main(["--stage", "dev", "--status"])
    assert "No rotation is under way." in capsys.readouterr().out
    assert _keys() == before
    rotation = _rotation(passing)
    rotation._publish(rotation.read())
    rotate_keys.main(["--stage", "dev", "--status"])
    shown = capsys.readouterr().out
    assert f"k{START} is published and can be current from 2026-03-01 08:05:30 UTC on." in shown
    passing.pass_(KNOWN_AFTER_S)
    rotate_keys.main(["--stage", "dev"])
    shown += capsys.readouterr().out
    assert f"k{START} is current." in shown
    assert not any(key in shown for key in _keys().values() if len(key) > 20)


@pytest.mark.usefixtures("aws_tables")
def test_a_stage_that_is_not_deployed_ends_with_a_sentence() -> None:
    with pytest.raises(SystemExit, match="The stack mifumo-dev-data cannot be read"):
        rotate_keys.main(["--stage", "dev"])


def _rotation(passing: Time, told: list[str] | None = None) -> Rotation:
    return Rotation(_arn(), sleep=passing.sleep, tell=([] if told is None else told).append)


def _run(passing: Time) -> list[str]:
    told: list[str] = []
    _rotation(passing, told).run()
    return told


def _arn() -> str:
    return os.environ["SIGNING_KEYS_SECRET"]


def _keys() -> dict[str, str]:
    found: dict[str, str] = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=_arn())["SecretString"])
    return found


def _write(keys: dict[str, str]) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=_arn(), SecretString=json.dumps(keys))


def _token() -> tuple[str, str]:
    kid, key = callers.signing_key()
    now = clock.epoch()
    claims = {"iss": "mifumo", "sub": "u1", "tid": "t1", "role": "owner", "iat": now, "exp": now + tokens.ACCESS_S}
    return kid, jwt.encode(claims, key, callers.ALGORITHM, headers={"kid": kid})
