"""Attribute: what else is known of a contact, by a name that templates take for a variable and files for a column.

Names are kept in the form that columns of files are compared by, and values as cells are read, so that what is exported
and imported again is what it was.
"""

from collections.abc import Mapping
from typing import Final

from mifumo.errors import FieldError, ValidationFailed

NAME_MAX: Final = 40
VALUE_MAX: Final = 500
# A file has columns of these names for what is no attribute.
RESERVED: Final = frozenset({"phone", "name", "tags"})
# Parts the tags in a cell.
TAGS_APART: Final = ";"


def kept(given: Mapping[str, str]) -> dict[str, str]:
    """Returns attributes as they are kept; raises ValidationFailed with every name that cannot be one."""
    found, errors = dict[str, str](), []
    for written, value in given.items():
        name = folded(written)
        if not name or name in RESERVED:
            detail = f"Call it otherwise: {', '.join(sorted(RESERVED))} are fields of every contact, _ is no name."
            errors.append(FieldError(f"/attributes/{written}", "reserved", detail))
        elif name in found:
            detail = f"There is one called {name} already: capitals and doubled underscores make no other name."
            errors.append(FieldError(f"/attributes/{written}", "duplicate", detail))
        else:
            found[name] = value
    if errors:
        raise ValidationFailed("These attributes cannot be kept.", errors=tuple(errors))
    return found


def name_of(column: str) -> str:
    """Returns by which name an attribute is kept that a column, or an older contact, has: never one of the reserved."""
    name = folded(column)
    return f"{name}_2" if not name or name in RESERVED else name


def plain(text: str) -> str:
    """Returns a text as it is read from a cell: without the spaces that nobody sees the difference of."""
    return text.replace("\u00a0", " ").strip()


def folded(written: str) -> str:
    """Returns a name as attributes and variables are compared by; empty for one without letters or digits."""
    name = "_".join(part for part in written.lower().split("_") if part)
    return (f"_{name}" if name[:1].isdigit() else name)[:NAME_MAX].rstrip("_")
