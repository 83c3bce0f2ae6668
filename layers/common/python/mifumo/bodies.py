"""Body: what a request carries, measured before anybody parses it."""

import re
from binascii import Error as Base64Error

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from mifumo.errors import PayloadTooLarge, ValidationFailed

# 1,000 recipients of 20 characters and a text of ten segments fit into a tenth of this.
BYTES_MAX = 256 * 1024
# No route takes more than four levels; parsers recurse, and one that is driven to its end answers 500.
DEPTH_MAX = 20
# Python reads no number of more digits, and no amount of ours has more than twelve.
_DIGITS_MAX = 1_000
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_LONG_NUMBER = re.compile(rf"[0-9]{{{_DIGITS_MAX}}}")


def require_small(event: APIGatewayProxyEventV2) -> None:
    """Raises PayloadTooLarge for a body of more than `BYTES_MAX` bytes."""
    carried = event.body or ""
    # Base 64 writes three bytes as four letters, and pads the last four.
    padding = carried[-2:].count("=")
    size = len(carried) * 3 // 4 - padding if event.is_base64_encoded else len(carried.encode())
    if size > BYTES_MAX:
        raise PayloadTooLarge(f"A body has at most {BYTES_MAX:,} bytes.")


def require_readable(event: APIGatewayProxyEventV2) -> None:
    """Raises ValidationFailed for a body that is no text, nests too deep or holds an endless number."""
    try:
        text = event.decoded_body or ""
    except (Base64Error, UnicodeDecodeError) as error:
        raise ValidationFailed.of("body", "body_not_text", "Send the body as UTF-8 text.") from error
    if too_deep(text):
        raise ValidationFailed.of("body", "body_too_deep", f"Nest objects and lists at most {DEPTH_MAX} deep.")
    if _LONG_NUMBER.search(text):
        raise ValidationFailed.of("body", "number_too_long", f"A number has fewer than {_DIGITS_MAX:,} digits.")


def too_deep(text: str) -> bool:
    """Tells whether JSON text nests deeper than we read. Brackets inside strings do not count."""
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEPTH_MAX:
            return True
    return False
