"""Rendering: a body with {{placeholders}} made into texts. Pure: what a preview shows is what a send sends.

A value is put in as it is: what looks like a placeholder inside one stays as it was written.
"""

import re
from collections.abc import Iterable, Mapping

from mifumo.errors import FieldError

NAME = r"[A-Za-z_][A-Za-z0-9_]{0,39}"
VARIABLES_MAX = 20
_PLACEHOLDER = re.compile(rf"\{{\{{\s*({NAME})\s*\}}\}}")
_BRACES = re.compile(r"\{\{|\}\}")

Values = Mapping[str, str]


def variables(body: str) -> list[str]:
    """Lists the variables of a body, each once, in the order in which they come."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(body)))


def broken(body: str) -> str | None:
    """Tells what keeps a body from being one, None when nothing does."""
    if _BRACES.search(_PLACEHOLDER.sub("", body)):
        return "Write placeholders as {{name}}: letters, digits and underscores, 40 at most, not a digit first."
    if len(variables(body)) > VARIABLES_MAX:
        return f"A template has at most {VARIABLES_MAX} variables."
    return None


def misfits(body: str, values: Values, *, pointer: str = "/variables") -> list[FieldError]:
    """Lists the variables that lack a value, and the values that no variable takes."""
    wanted = variables(body)
    missing = [
        FieldError(f"{pointer}/{name}", "missing", f"The template needs a value for {name}.")
        for name in wanted
        if name not in values
    ]
    return [*missing, *strangers(body, values, pointer=pointer)]


def strangers(body: str, values: Values, *, pointer: str = "/variables") -> list[FieldError]:
    """Lists the values that no variable takes."""
    wanted = variables(body)
    return [
        FieldError(f"{pointer}/{_escaped(name)}", "unknown_variable", "The template has no such variable.")
        for name in values
        if name not in wanted
    ]


def render(body: str, values: Values) -> str:
    """Puts the values into the body; they fit it."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], body)


def pieces(body: str) -> list[str]:
    """Cuts a body into what stands in it as it is (even positions) and the names of its variables (odd ones)."""
    return _PLACEHOLDER.split(body)


def grouped(body: str, rows: Iterable[tuple[str, Values]]) -> dict[str, list[str]]:
    """Renders a text for each recipient and puts recipients of the same text together, in the order they came in."""
    texts: dict[str, list[str]] = {}
    for recipient, values in rows:
        texts.setdefault(render(body, values), []).append(recipient)
    return texts


def _escaped(name: str) -> str:
    """Writes a name into a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
