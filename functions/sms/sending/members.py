"""Members: whom a send to a group goes to, and where its template asks for more than the request gives, what each of
them gets: name, phone and attributes of a contact fill what the request leaves open.

What the request says goes for everybody, as nobody sees what is kept of each. Whoever has no value for a variable is
refused alone, as is whoever's values make a text that cannot be sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.sms.batches.batches import Refused
from functions.sms.content import attributes, groups, rendering
from functions.sms.content.contacts import Contact
from functions.sms.content.templates import Template
from mifumo.errors import FieldError, ValidationFailed
from mifumo.ids import TenantId

from . import orders


@dataclass(frozen=True, slots=True)
class Letters:
    """Numbers and the text for each of them, in their order, and who gets none."""

    recipients: tuple[str, ...]
    texts: tuple[str, ...]
    refused: tuple[Refused, ...]


def letters(
    tenant: TenantId, group: str, template: Template, given: Mapping[str, str], *, smart: bool
) -> Letters | None:
    """Writes to the members of a group; None when the request gives all that the template asks for.

    A query, and a read for each hundred members. Raises NotFound, and ValidationFailed when nobody gets a text or a
    value is given that the template has no variable for.
    """
    lacking = [name for name in template.variables if name not in given]
    if not lacking:
        return None
    found = groups.everybody(tenant, group)
    _require_wanted(template, given)
    numbers, texts, refused = list[str](), list[str](), list[Refused]()
    for contact in found:
        values = {**values_of(contact, lacking), **given}
        text = _written(contact, template, values, smart=smart)
        if isinstance(text, Refused):
            refused.append(text)
            continue
        numbers.append(f"+{contact.digits}")
        texts.append(text)
    if not numbers:
        raise ValidationFailed("Nobody in the group can be sent this template.", errors=_why(lacking, found, refused))
    return Letters(tuple(numbers), tuple(texts), tuple(refused))


def values_of(contact: Contact, wanted: list[str]) -> dict[str, str]:
    """Returns what is known of a contact by the names of these variables, whatever the case of their letters."""
    known = {**contact.attributes, "name": contact.name, "phone": f"+{contact.digits}"}
    found = {name: known.get(attributes.folded(name), "") for name in wanted}
    return {name: value for name, value in found.items() if value}


def _require_wanted(template: Template, given: Mapping[str, str]) -> None:
    if errors := rendering.strangers(template.body, given):
        raise ValidationFailed("The variables do not fit the template.", errors=tuple(errors))


def _written(contact: Contact, template: Template, values: Mapping[str, str], *, smart: bool) -> str | Refused:
    if missing := [name for name in template.variables if name not in values]:
        detail = f"The contact has no {', '.join(missing)}: keep it there, or give it in `variables` for everybody."
        return Refused(f"+{contact.digits}", "variable_missing", detail)
    text = rendering.render(template.body, values)
    try:
        orders.measured(text, smart=smart)
    except ValidationFailed as error:
        return Refused(f"+{contact.digits}", error.errors[0].code, error.errors[0].detail)
    return text


def _why(lacking: list[str], found: list[Contact], refused: list[Refused]) -> tuple[FieldError, ...]:
    """Tells by field what nobody has, or else why the first one gets no text."""
    nobody = [name for name in lacking if not any(values_of(contact, [name]) for contact in found)]
    detail = "No contact of the group has a value for it: give one for everybody, or keep it with the contacts."
    errors = [FieldError(f"/variables/{name}", "missing", detail) for name in nobody]
    return tuple(errors) or (FieldError("/variables", refused[0].code, refused[0].detail),)
