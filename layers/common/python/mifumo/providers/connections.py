"""Connections to providers: nothing gets between our key and its owner, and a call that never left is known for one.

`requests` is imported at the first call, because the doors that only read callbacks should not pay for it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

_CONNECT_TIMEOUT_S = 3.0


def session(headers: Mapping[str, str]) -> "requests.Session":
    """Makes a session that sends the headers with each call, and looks for no proxy and no .netrc."""
    import requests  # noqa: PLC0415 - see the module's first lines

    made = requests.Session()
    made.trust_env = False
    made.headers.update(headers)
    return made


def timeouts(timeout_s: float) -> tuple[float, float]:
    """Returns how long to wait for a connection, and for each piece of the answer."""
    return min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s


def never_left(error: "requests.RequestException") -> bool:
    """Tells whether no connection came about (refused, no route, no such name), so that no byte can have left."""
    import requests  # noqa: PLC0415 - see the module's first lines
    from urllib3.exceptions import NewConnectionError  # noqa: PLC0415 - comes with requests

    cause = error.args[0] if error.args else None
    refused = isinstance(getattr(cause, "reason", cause), NewConnectionError)
    return refused or isinstance(error, requests.ConnectTimeout)
