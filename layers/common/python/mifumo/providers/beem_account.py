"""Our account at Beem: what is left of its balance, and how far its sender names are. Nothing is changed from here."""

from typing import Any

import requests

from mifumo import aws
from mifumo.providers.beem import BeemSettings

_CONNECT_TIMEOUT_S = 3
# Beem gives a hundred names a page at most; two thousand are more than one account has.
_NAMES_PER_PAGE, _PAGES_MAX = 100, 20
_NAME_LENGTH_MAX = 15


def balance() -> int | None:
    """Returns the credits that are left, whole ones; None when Beem does not say."""
    data = _get("/public/v1/vendors/balance", {}).get("data")
    fields: dict[str, Any] = data if isinstance(data, dict) else {}
    # Documented is the first; others were told the second.
    told = fields.get("credit_balance", fields.get("credit_bal"))
    try:
        return int(float(told)) if isinstance(told, (int, float, str)) and not isinstance(told, bool) else None
    except (ValueError, OverflowError):
        return None


def sender_names() -> dict[str, str] | None:
    """Returns the status of each sender name, in Beem's words; None when Beem does not say."""
    found: dict[str, str] = {}
    for page in range(1, _PAGES_MAX + 1):
        body = _get("/public/v1/sender-names", {"page": str(page), "limit": str(_NAMES_PER_PAGE)})
        rows = body.get("data")
        if not isinstance(rows, list):
            return None
        for row in rows:
            if isinstance(row, dict) and isinstance(row.get("senderid"), str) and isinstance(row.get("status"), str):
                found[row["senderid"][:_NAME_LENGTH_MAX]] = row["status"].lower()[:16]
        if len(rows) < _NAMES_PER_PAGE:
            break
    return found


def _get(path: str, query: dict[str, str]) -> dict[str, Any]:
    """Asks Beem; returns nothing where it does not answer with an object."""
    settings = BeemSettings.load()
    secret = aws.secret(settings.beem_secret)
    try:
        response = requests.get(
            f"{settings.beem_url}{path}",
            params=query,
            auth=(secret["api_key"], secret["secret_key"]),
            timeout=(_CONNECT_TIMEOUT_S, settings.provider_timeout_s),
            allow_redirects=False,
        )
        body = response.json() if response.ok else {}
    except (requests.RequestException, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
