"""Key ring: the public keys of one provider in one environment, kept for an hour, looked up again for an unknown id.

Sandbox and production publish different keys under the same id, so each environment has a ring of its own.
"""

from collections.abc import Callable, Mapping
from typing import Final

from mifumo import clock
from mifumo.observability import count, logger
from mifumo.providers.payments import ProviderUnavailableError

KEPT_S: Final = 3600
# A flood of made-up ids must not become a flood of questions to the provider.
AGAIN_AFTER_S: Final = 30


class KeyRing:
    """Keys by their ids, as `fetch` brings them; it raises ProviderUnavailableError when it cannot.

    Without keys nothing can be told true from forged, and then nothing is accepted: the door asks to come again.
    """

    def __init__(self, fetch: Callable[[], Mapping[str, str]]) -> None:
        self._fetch = fetch
        self._keys: Mapping[str, str] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")

    def find(self, key_id: str) -> str | None:
        """Returns the key (PEM) or None for an id that nobody publishes; raises ProviderUnavailableError."""
        now = clock.now().timestamp()
        unheard_of = key_id not in self._keys and now - self._tried_at > AGAIN_AFTER_S
        if unheard_of or now - self._fetched_at > KEPT_S:
            self._look(now)
        return self._keys.get(key_id)

    def _look(self, now: float) -> None:
        if now - self._tried_at <= AGAIN_AFTER_S:
            raise ProviderUnavailableError("the keys could not be read a moment ago")
        self._tried_at = now
        try:
            self._keys = self._fetch()
        except ProviderUnavailableError:
            logger.warning("public keys of the provider cannot be read")
            count("ProviderKeysUnavailable")
            raise
        self._fetched_at = now
