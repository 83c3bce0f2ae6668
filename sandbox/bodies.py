"""Body: what a caller of a simulator sent, read as JSON."""

import json
from typing import Any

from aiohttp import web


async def json_object(request: web.Request) -> dict[str, Any] | None:
    """Read the body; None when it is not a JSON object."""
    try:
        body = json.loads(await request.text())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
