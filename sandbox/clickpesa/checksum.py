"""ClickPesa's checksum as its own side makes it: sort the keys at every depth, write compactly, HMAC-SHA256."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


def of(payload: Mapping[str, Any], key: str) -> str:
    unsigned = {name: value for name, value in payload.items() if name not in {"checksum", "checksumMethod"}}
    written = json.dumps(_sorted(unsigned), separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key.encode(), written.encode(), hashlib.sha256).hexdigest()


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    return [_sorted(one) for one in value] if isinstance(value, list) else value
