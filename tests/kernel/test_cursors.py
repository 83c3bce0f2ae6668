"""Cursors: opaque, and worth nothing outside the list that they came from."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

import boto3
import pytest

from mifumo import aws, cursors
from mifumo.errors import ValidationFailed

LAST = {"pk": "T#t1", "sk": "BATCH#1", "listing_pk": "T#t1#BATCHES", "listing_sk": "2026"}


@pytest.mark.usefixtures("aws_tables")
def test_a_cursor_comes_back_as_the_place_it_was_made_of() -> None:
    cursor = cursors.encode(LAST, scope="batches t1")
    assert cursor
    assert cursors.decode(cursor, scope="batches t1") == LAST
    assert cursors.encode(None, scope="batches t1") is None
    assert cursors.decode(None, scope="batches t1") is None


@pytest.mark.usefixtures("aws_tables")
@pytest.mark.parametrize("scope", ["batches t2", "messages t1", ""])
def test_a_cursor_opens_no_other_list_and_no_other_tenants(scope: str) -> None:
    cursor = cursors.encode(LAST, scope="batches t1")
    with pytest.raises(ValidationFailed) as refused:
        cursors.decode(cursor, scope=scope)
    assert refused.value.errors[0].pointer == "query:cursor"


@pytest.mark.usefixtures("aws_tables")
def test_a_cursor_that_somebody_changed_is_refused() -> None:
    cursor = cursors.encode(LAST, scope="batches t1") or ""
    raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    moved = raw[:12] + json.dumps({**LAST, "pk": "T#t2"}).encode()
    for forged in (urlsafe_b64encode(moved).decode(), cursor[:-2], cursor[2:], "", "å", "=" * 9, "A" * 2000):
        with pytest.raises(ValidationFailed):
            cursors.decode(forged, scope="batches t1")


@pytest.mark.usefixtures("aws_tables")
def test_a_cursor_outlives_the_key_that_signs_now_but_not_the_key_that_sealed_it() -> None:
    cursor = cursors.encode(LAST, scope="batches t1")
    secrets, arn = boto3.client("secretsmanager"), os.environ["SIGNING_KEYS_SECRET"]
    keys = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    rotated = {**keys, "current": "k2", "k2": "another-key-that-only-tests-know-987654321"}
    _put(secrets, arn, rotated)
    assert cursors.decode(cursor, scope="batches t1") == LAST
    _put(secrets, arn, {name: key for name, key in rotated.items() if name != "k1"})
    with pytest.raises(ValidationFailed):
        cursors.decode(cursor, scope="batches t1")


def _put(secrets: object, arn: str, keys: dict[str, str]) -> None:
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(keys))  # type: ignore[attr-defined]
    aws.forget()
