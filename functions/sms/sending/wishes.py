"""Wish: what a send asks for: a text or a template with its variables, recipients or a group; it becomes an order.

A repeat of a request is met by what was asked for, not by what that came to: a template may have changed since.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from functions.sms.batches import batches
from functions.sms.batches.categories import Category
from functions.sms.content import groups, rendering, templates
from functions.sms.content.templates import Template
from mifumo import ids
from mifumo.errors import FieldError, ValidationFailed, named_by
from mifumo.ids import TenantId

from . import dispatch, members, orders
from .members import Letters
from .orders import Order

# Who sends to a thousand reads no longer list of what is wrong.
_ERRORS_SHOWN_MAX = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be sent to whom, as it was asked for; None is what was left out."""

    tenant: TenantId
    actor: str
    sender_id: str
    text: str | None
    recipients: tuple[str, ...] | None
    template: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Values of single recipients, by their place in the list: they go before those for all."""
    group: str | None = None
    test: bool = False
    category: Category | None = None
    send_at: str = ""
    max_credits: int = 0
    smart: bool = False
    allow_repeat: bool = False

    @property
    def asked(self) -> str:
        """Tells it from other requests with the same Idempotency-Key; empty where the order itself does."""
        if self.template is None and self.group is None:
            return ""
        own = {str(place): dict(values) for place, values in self.own.items()}
        shared = dict(self.variables)
        told: list[object] = [self.text, self.template, shared, self.group, self.recipients, own, self.smart]
        told += [self.send_at] if self.send_at else []
        told += ["repeat"] if self.allow_repeat else []
        return ids.fingerprint("wish", self.sender_id, json.dumps(told, sort_keys=True))


def order(wish: Wish, *, key: str = "") -> Order:
    """Makes the order; raises ValidationFailed with everything that is missing, too much or does not fit.

    With the Idempotency-Key of a request that was accepted before, what it asked for may be gone by now: its order is
    then good for meeting the batch that it made.
    """
    try:
        return _order(wish)
    except ValidationFailed:
        if not (key and wish.asked and _accepted_before(wish, key)):
            raise
    return Order(wish.tenant, wish.actor, wish.sender_id, "", (), asked=wish.asked, test=wish.test)


def _accepted_before(wish: Wish, key: str) -> bool:
    found = batches.read(wish.tenant, dispatch.batch_of(wish.tenant, key, test=wish.test))
    return found is not None and found[0].fingerprint == wish.asked


def _order(wish: Wish) -> Order:
    if errors := [*_either(wish)]:
        raise ValidationFailed("The request is not complete.", errors=tuple(errors))
    template = None if wish.template is None else _template(wish, wish.template)
    letters = _letters(wish, template)
    order = Order(
        wish.tenant,
        wish.actor,
        wish.sender_id,
        wish.text or "",
        letters.recipients if letters else _recipients(wish),
        asked=wish.asked,
        category=wish.category or Category.TRANSACTIONAL,
        send_at=wish.send_at,
        smart=wish.smart,
        test=wish.test,
        max_credits=wish.max_credits,
        allow_repeat=wish.allow_repeat,
    )
    if template is None:
        return order
    if letters:
        return replace(order, text=template.body, category=template.category, texts=letters.texts, left=letters.refused)
    if wish.own:
        texts = _texts(wish, template, order.recipients)
        return replace(order, text=template.body, category=template.category, texts=texts)
    text = template.render(wish.variables)
    orders.measured(text, pointer="/variables", smart=wish.smart)
    return replace(order, text=text, category=template.category)


def _either(wish: Wish) -> list[FieldError]:
    errors = []
    if wish.text is None and wish.template is None:
        errors.append(FieldError("/text", "missing", "Give a text, or the id of a template."))
    if wish.text is not None and wish.template is not None:
        errors.append(FieldError("/template_id", "too_much", "Give a text or a template, not both."))
    if wish.variables and wish.template is None:
        errors.append(FieldError("/variables", "too_much", "Variables are for templates: give a template_id."))
    if wish.category is not None and wish.template is not None:
        errors.append(FieldError("/category", "too_much", "The template says what its texts are for."))
    if wish.template is None:
        own = [f"/recipients/{place}/variables" for place, values in wish.own.items() if values]
        errors += [FieldError(where, "too_much", "Variables are for templates.") for where in own[:_ERRORS_SHOWN_MAX]]
    if wish.recipients is None and wish.group is None:
        errors.append(FieldError("/recipients", "missing", "Give recipients, or the id of a group."))
    if wish.recipients is not None and wish.group is not None:
        errors.append(FieldError("/group_id", "too_much", "Give recipients or a group, not both."))
    return errors


def _recipients(wish: Wish) -> tuple[str, ...]:
    if wish.group is None:
        return wish.recipients or ()
    with named_by("/group_id", "unknown_group"):
        return tuple(groups.numbers(wish.tenant, wish.group))


def _letters(wish: Wish, template: Template | None) -> Letters | None:
    """Writes to the members of a group, where the template asks for more than the request gives."""
    if wish.group is None or template is None:
        return None
    with named_by("/group_id", "unknown_group"):
        return members.letters(wish.tenant, wish.group, template, wish.variables, smart=wish.smart)


def _template(wish: Wish, template: str) -> Template:
    with named_by("/template_id", "unknown_template"):
        return templates.read(wish.tenant, template)


def _texts(wish: Wish, template: Template, recipients: tuple[str, ...]) -> tuple[str, ...]:
    """Renders a text for each recipient; raises ValidationFailed with every value that lacks, is too much, or makes a
    text that cannot be sent.
    """
    wanted = template.variables
    shared = {name: value for name, value in wish.variables.items() if name in wanted}
    errors = rendering.strangers(template.body, wish.variables)
    texts = []
    for place in range(len(recipients)):
        values = {**shared, **wish.own.get(place, {})}
        pointer = f"/recipients/{place}/variables"
        misfits = rendering.misfits(template.body, values, pointer=pointer)
        text = "" if misfits else rendering.render(template.body, values)
        errors += misfits or _unsendable(text, pointer, smart=wish.smart)
        texts.append(text)
    if errors:
        raise ValidationFailed("The variables do not fit the template.", errors=tuple(errors[:_ERRORS_SHOWN_MAX]))
    return tuple(texts)


def _unsendable(text: str, pointer: str, *, smart: bool) -> list[FieldError]:
    try:
        orders.measured(text, pointer=pointer, smart=smart)
    except ValidationFailed as refusal:
        return list(refusal.errors)
    return []
