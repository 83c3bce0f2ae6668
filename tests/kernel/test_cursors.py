"""Cursors: good for the list that they came from, and for no other; good across a rotation of the keys."""

import json
from base64 import urlsafe_b64encode

import boto3
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mifumo import aws, clock, cursors
from mifumo.callers import SigningSettings
from mifumo.errors import ValidationFailed
from tests.builders import KEY, KEY_ID
from tests.wire import Wire

LAST = {"pk": "W#t1", "sk": "E#000000000042", "n": 7}
SCOPE = "ledger:t1"
OTHER_KEY = "another-signing-key-that-only-tests-know-012345"


def rotate(**keys: str) -> None:
    arn = SigningSettings.load().signing_keys_secret
    boto3.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=json.dumps(keys))


def written() -> str:
    cursor = cursors.encode(LAST, scope=SCOPE)
    assert cursor
    return cursor


def refused(cursor: str, *, scope: str = SCOPE) -> bool:
    with pytest.raises(ValidationFailed) as error:
        cursors.decode(cursor, scope=scope)
    (field,) = error.value.errors
    return (field.pointer, field.code) == ("query:cursor", "cursor_invalid")


def test_a_cursor_comes_back_as_the_key_it_was_made_of(aws_tables: Wire) -> None:
    assert cursors.decode(written(), scope=SCOPE) == LAST
    assert set(written()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_where_nothing_follows_there_is_no_cursor(aws_tables: Wire) -> None:
    assert cursors.encode(None, scope=SCOPE) is None
    assert cursors.decode(None, scope=SCOPE) is None


@pytest.mark.parametrize("scope", ["ledger:t2", "payments:t1", "ledger:t", "", "ledger:t1\0"])
def test_another_tenants_or_another_lists_cursor_is_refused(aws_tables: Wire, scope: str) -> None:
    assert refused(written(), scope=scope)


@pytest.mark.parametrize("cursor", ["", "x", "====", "!!!", "é", "a" * 5000, "e30"])
def test_what_we_did_not_write_is_refused(aws_tables: Wire, cursor: str) -> None:
    assert refused(cursor)


def test_a_cursor_pointed_at_another_partition_is_refused(aws_tables: Wire) -> None:
    elsewhere = cursors.encode({**LAST, "pk": "W#t2"}, scope="ledger:t2")
    assert elsewhere
    assert refused(elsewhere)
    body = json.dumps({**LAST, "pk": "W#t2"}).encode()
    assert refused(urlsafe_b64encode(b"\0" * 12 + body).decode())
    assert refused(urlsafe_b64encode(cursors._seal("guessed", SCOPE, body) + body).decode())


@pytest.mark.parametrize("part", [slice(2, None), slice(None, -2), slice(None, 16), slice(16, None)], ids=str)
def test_a_part_of_a_cursor_is_refused(aws_tables: Wire, part: slice) -> None:
    assert refused(written()[part])


@given(place=st.integers(0, 10_000), letter=st.sampled_from("ABCxyz019-_"))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_changed_letter_makes_it_another_cursor(aws_tables: Wire, place: int, letter: str) -> None:
    cursor = written()
    place %= len(cursor) - 1  # the last letter holds spare bits that say nothing
    changed = cursor[:place] + letter + cursor[place + 1 :]
    assert changed == cursor or refused(changed)


def test_a_cursor_outlives_a_rotation_and_not_its_key(aws_tables: Wire) -> None:
    old = written()
    rotate(current="k2", k2=OTHER_KEY, **{KEY_ID: KEY})
    aws._secrets.clear()
    new = written()
    assert new != old
    assert cursors.decode(old, scope=SCOPE) == cursors.decode(new, scope=SCOPE) == LAST
    rotate(current="k2", k2=OTHER_KEY)
    aws._secrets.clear()
    assert refused(old)
    assert cursors.decode(new, scope=SCOPE) == LAST


def test_a_cursor_of_a_process_that_knows_the_new_key_first_is_read(
    aws_tables: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    written()
    known = dict(aws._secrets)
    rotate(current="k2", k2=OTHER_KEY, **{KEY_ID: KEY})
    aws._secrets.clear()
    new = written()
    aws._secrets.update(known)
    later = clock.epoch() + aws.REFRESH_S + 1
    monkeypatch.setattr(clock, "epoch", lambda: later)
    aws_tables.clear()
    assert cursors.decode(new, scope=SCOPE) == LAST
    assert aws_tables.count("GetSecretValue") == 1


def test_forged_cursors_do_not_hammer_the_secret(aws_tables: Wire) -> None:
    written()
    aws_tables.clear()
    for number in range(5):
        assert refused(str(number))
    assert aws_tables.count("GetSecretValue") == 0
