"""Signing keys: rotated without logging anybody out, by a command that may be interrupted and run again.

The secret is `{"current": kid, kid: key, ...}`. A rotation publishes a key, makes it current when every process knows
it, and drops what is older than the key before it when no token of those can be good any more. What is left to do is
read off the secret alone: a key named later than the current one was published and not used yet; anything but the
current key and the one before it is to be dropped. The moment to count from is when the secret last changed, which
Secrets Manager keeps: whatever was changed then, all processes know it a cache's life later.
"""

import argparse
import hashlib
import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from functions.auth.tokens import ACCESS_S
from mifumo import aws, clock
from tools import stacks
from tools.stacks import StackError

# For how long a process goes by its copy of the secret (`mifumo.aws`).
CACHED_S = 300
# For requests under way, and for clocks that differ.
MARGIN_S = 30
KNOWN_AFTER_S = CACHED_S + MARGIN_S
EXPIRED_AFTER_S = CACHED_S + ACCESS_S + MARGIN_S
_TOLD_EVERY_S = 30
_KID = re.compile(r"k(\d{1,12})")


class RotationError(Exception):
    """The keys cannot be rotated, and were left as they were; the message says why."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secret as it was read: its keys, the version that held them, and since when it has been this one."""

    current: str
    keys: Mapping[str, str] = field(repr=False)
    version: str
    changed_at: int

    @property
    def pending(self) -> str | None:
        """Names the key that was published and does not sign yet."""
        latest = max(self.keys, key=_named_at)
        return latest if _named_at(latest) > _named_at(self.current) else None

    @property
    def previous(self) -> str | None:
        """Names the key that signed before the current one: it stays, for cursors and for going back."""
        earlier = [kid for kid in self.keys if kid not in {self.current, self.pending}]
        return max(earlier, key=_named_at, default=None)

    @property
    def outdated(self) -> list[str]:
        """Names the keys that are of no more use once their last tokens have expired."""
        return sorted(set(self.keys) - {self.current, self.pending, self.previous}, key=_named_at)

    @property
    def known_at(self) -> int:
        """Tells from when on every process goes by these keys."""
        return max(self.changed_at, _named_at(self.pending or "")) + KNOWN_AFTER_S

    @property
    def expired_at(self) -> int:
        """Tells from when on no token is good that another key than the current one has signed."""
        return self.changed_at + EXPIRED_AFTER_S


class Rotation:
    """Works on one secret; the clock and the patience are parameters, so that tests need not wait."""

    def __init__(
        self,
        secret: str,
        *,
        now: Callable[[], int] = clock.epoch,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = print,
    ) -> None:
        self._secret, self._now, self._sleep, self._tell = secret, now, sleep, tell
        self._client = aws.secrets_manager()

    def run(self) -> None:
        """Does what is left of a rotation, or a whole one when none is under way."""
        ring = self.read()
        if not (ring.pending or ring.outdated):
            ring = self._publish(ring)
        if kid := ring.pending:
            self._wait(ring.known_at, f"every process knows {kid}")
            ring = self._replace(ring, {**ring.keys, "current": kid})
            self._tell(f"{kid} is current.")
        if dropped := ring.outdated:
            self._wait(ring.expired_at, f"no token of {', '.join(dropped)} is good any more")
            kept = {kid: key for kid, key in ring.keys.items() if kid not in dropped}
            ring = self._replace(ring, {**kept, "current": ring.current})
            self._tell(f"{', '.join(dropped)} dropped.")
        self._tell(f"Done: {ring.current} signs, {ring.previous or 'no other key'} still verifies.")

    def status(self) -> None:
        """Tells what stands in the secret and what is to be done when; never a key."""
        ring = self.read()
        self._tell(f"{ring.current} signs; {ring.previous or 'no other key'} still verifies.")
        self._tell(f"The secret last changed at {_clock_time(ring.changed_at)}.")
        if ring.pending:
            self._tell(f"{ring.pending} is published and can be current from {_clock_time(ring.known_at)} on.")
        if ring.outdated:
            self._tell(f"{', '.join(ring.outdated)} can be dropped from {_clock_time(ring.expired_at)} on.")
        self._tell("The next run goes on with this." if ring.pending or ring.outdated else "No rotation is under way.")

    def read(self) -> Keyring:
        """Reads the secret; raises RotationError when it has another layout."""
        try:
            found = self._client.get_secret_value(SecretId=self._secret)
        except (BotoCoreError, ClientError) as error:
            raise RotationError(f"The secret cannot be read: {error}") from error
        keys = json.loads(found["SecretString"])
        current = keys.pop("current", None)
        if current not in keys:
            raise RotationError("The secret names no current key that it holds: put that right by hand first.")
        ring = Keyring(current, keys, found["VersionId"], clock.epoch(found["CreatedDate"]))
        if max(ring.changed_at, _named_at(ring.pending or "")) > self._now() + MARGIN_S:
            raise RotationError("The secret was changed in the future: set this machine's clock first.")
        return ring

    def _publish(self, ring: Keyring) -> Keyring:
        kid = f"k{self._now()}"
        published = self._replace(ring, {**ring.keys, kid: secrets.token_urlsafe(48), "current": ring.current})
        self._tell(f"{kid} is published; {ring.current} goes on signing.")
        return published

    def _replace(self, ring: Keyring, members: Mapping[str, str]) -> Keyring:
        """Writes the successor of what was read; raises RotationError when it has another one already.

        Secrets Manager knows no conditional write, but takes a request token once: made of the version that was read,
        it lets each version have one successor. Our own write sent twice is the same successor.
        """
        if self.read().version != ring.version:
            raise RotationError("Somebody else has changed the secret meanwhile: look at it with --status.")
        token = hashlib.sha256(f"{self._secret}\0{ring.version}".encode()).hexdigest()
        try:
            self._client.put_secret_value(
                SecretId=self._secret, ClientRequestToken=token, SecretString=json.dumps(members, sort_keys=True)
            )
        except self._client.exceptions.ResourceExistsException as error:
            raise RotationError("Another run has changed the secret meanwhile: look at it with --status.") from error
        except (BotoCoreError, ClientError) as error:
            raise RotationError(f"The secret cannot be written: {error}") from error
        return self.read()

    def _wait(self, until: int, what: str) -> None:
        while (left := until - self._now()) > 0:
            self._tell(f"{left:5} s until {what}. Interrupted, the next run goes on from here.")
            self._sleep(min(left, _TOLD_EVERY_S))


def _named_at(kid: str) -> int:
    """Reads the time of a key off its name; the first key, `k1`, is older than all that this command makes."""
    named = _KID.fullmatch(kid)
    return int(named[1]) if named else 0


def _clock_time(epoch: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(epoch))


def _secret_of(stage: str) -> str:
    try:
        return stacks.outputs(stage)["SigningKeysSecret"]
    except KeyError as error:
        raise RotationError("The stage has no output SigningKeysSecret: deploy it first.") from error


def main(arguments: list[str] | None = None) -> None:
    """Rotates the keys of the stage that is named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.rotate_keys", description="Rotate a stage's signing keys.")
    parser.add_argument("--stage", required=True, help="as it was deployed: dev, prod")
    parser.add_argument("--status", action="store_true", help="tell how far a rotation is, and change nothing")
    chosen = parser.parse_args(arguments)
    try:
        rotation = Rotation(_secret_of(chosen.stage))
        rotation.status() if chosen.status else rotation.run()
    except (RotationError, StackError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted; nobody is logged out. Run it again to go on.")


if __name__ == "__main__":
    main()
