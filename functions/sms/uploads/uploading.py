"""Upload a file: what is to be done with it is checked before it comes, and can be called off until it is done."""

from dataclasses import dataclass

from functions.sms import messaging
from functions.sms.batches.categories import Category
from functions.sms.content import entitlement, groups, rendering, templates
from functions.sms.plans import plans
from functions.sms.plans.plans import Plan
from functions.sms.sending import orders, standing
from functions.sms.sending.standing import Standing
from mifumo import audit, clock, ids, tables, tenants, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import FieldError, ValidationFailed, named_by
from mifumo.ids import TenantId
from mifumo.tenants import Tenant

from . import upload_files, uploads
from .upload_files import FILE_WITHIN_S, Form
from .uploads import Purpose, State, Task, Upload, UploadUsed


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for; empty is what was left out."""

    purpose: Purpose
    sender_id: str = ""
    text: str = ""
    template: str = ""
    smart: bool = False
    group: str = ""
    tags: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """An upload, and the plan that a campaign's rows have become."""

    upload: Upload
    plan: Plan | None

    @property
    def state(self) -> State:
        """How far it is by now: time and the plan tell what the upload alone does not."""
        upload, plan = self.upload, self.plan
        if upload.state is State.WAITING and upload.file_until <= clock.stamp():
            return State.EXPIRED
        if upload.state is not State.READY:
            return upload.state
        if plan is None or plan.expired:
            return State.EXPIRED
        return State.USED if plan.state is plans.State.USED else State.READY


def begin(caller: Principal, asked: Asked) -> tuple[Upload, Form]:
    """Makes an upload, and the form that its file is posted with.

    Raises ValidationFailed, TenantSuspended, TenantClosed, ContactUnverified and SenderIdNotAllowed.
    """
    found = standing.read(caller.tenant_id)
    tenant = tenants.require_able(found.tenant)
    upload = uploads.new(
        caller.tenant_id,
        _task(caller.tenant_id, asked, tenant, found),
        made_by=caller.actor,
        mode=caller.mode,
        file_within_s=FILE_WITHIN_S,
    )
    deed = audit.entry(caller, "upload.made", target=upload.id, after={"purpose": upload.task.purpose.value})
    planned = [plans.put(_plan(upload))] if asked.purpose is Purpose.CAMPAIGN else []
    writes.transact(uploads.put(upload), *planned, deed)
    return upload, upload_files.form(upload.tenant, upload.id)


def _plan(upload: Upload) -> Plan:
    return plans.new(
        upload.id,
        upload.tenant,
        made_by=upload.made_by,
        sender_id=upload.task.sender_id,
        text=upload.task.text,
        category=upload.task.category,
        fingerprint=ids.fingerprint("upload", upload.id),
    )


def _task(tenant_id: TenantId, asked: Asked, tenant: Tenant, found: Standing) -> Task:
    if errors := [*_misfits(asked)]:
        raise ValidationFailed("The request is not complete.", errors=tuple(errors))
    countries = tuple(sorted(tenant.preferences.foreign_countries))
    if asked.purpose is not Purpose.CAMPAIGN:
        if asked.group:
            with named_by("/group_id", "unknown_group"):
                groups.read(tenant_id, asked.group)
        return Task(asked.purpose, group=asked.group, tags=asked.tags, reason=asked.reason)
    name = entitlement.asked(asked.sender_id, tenant.preferences.default_sender_id)
    sender_id = entitlement.resolve(name, package=found.wallet.package, approved=found.approved)
    text, category = _text(tenant_id, asked)
    return Task(
        asked.purpose, sender_id=sender_id, text=text, smart=asked.smart, countries=countries, category=category
    )


def _misfits(asked: Asked) -> list[FieldError]:
    campaign = asked.purpose is Purpose.CAMPAIGN
    errors = []
    if campaign and not asked.text and not asked.template:
        errors.append(FieldError("/text", "missing", "Give a text, or the id of a template."))
    if campaign and asked.text and asked.template:
        errors.append(FieldError("/template_id", "too_much", "Give a text or a template, not both."))
    only = {
        "/sender_id": (asked.sender_id, {Purpose.CAMPAIGN}),
        "/text": (asked.text, {Purpose.CAMPAIGN}),
        "/template_id": (asked.template, {Purpose.CAMPAIGN}),
        "/smart_encoding": (asked.smart, {Purpose.CAMPAIGN}),
        "/group_id": (asked.group, {Purpose.CONTACTS}),
        "/tags": (asked.tags, {Purpose.CONTACTS}),
        "/reason": (asked.reason, {Purpose.OPT_OUTS}),
    }
    for pointer, (value, purposes) in only.items():
        if value and asked.purpose not in purposes:
            errors.append(FieldError(pointer, "too_much", f"This is not for uploads of {asked.purpose.value}."))
    return errors


def _text(tenant: TenantId, asked: Asked) -> tuple[str, Category | None]:
    """Returns the text with its placeholders, and what its template says it is for, if it has one.

    What no row can change of it is measured now.
    """
    pointer, text, category = "/text", asked.text, None
    if asked.template:
        pointer = "/template_id"
        with named_by(pointer, "unknown_template"):
            template = templates.read(tenant, asked.template)
        text, category = template.body, template.category
    if broken := rendering.broken(text):
        raise ValidationFailed.of(pointer, "placeholder_invalid", broken)
    if rendering.variables(text):
        orders.require_sendable(text, pointer=pointer, smart=asked.smart)
    else:
        orders.measured(text, pointer=pointer, smart=asked.smart)
    return text, category


def read(tenant: TenantId, upload: str) -> Found:
    """Reads an upload with its plan; raises NotFound."""
    return _planned([uploads.read(tenant, upload)])[0]


def page(tenant: TenantId, *, limit: int, start: Item | None) -> tuple[list[Found], Item | None]:
    """Reads a page of a tenant's uploads with their plans, newest first."""
    found = uploads.page(tenant, limit=limit, start=start)
    return _planned([uploads.of(item) for item in found.items]), found.last


def _planned(found: list[Upload]) -> list[Found]:
    table = messaging.table()
    places = {one.id: (table, plans.key(one.tenant, one.id)) for one in found if one.task.purpose is Purpose.CAMPAIGN}
    items = tables.read(*places.values())
    known = {name: plans.of(items[place]) for name, place in places.items() if place in items}
    return [Found(one, known.get(one.id)) for one in found]


def call_off(caller: Principal, upload_id: str) -> None:
    """Deletes an upload with its plan, and empties its file; raises NotFound, and UploadUsed when it has been sent."""
    upload = uploads.read(caller.tenant_id, upload_id)
    deed = audit.entry(caller, "upload.deleted", target=upload.id, before={"purpose": upload.task.purpose.value})
    planned = []
    if upload.task.purpose is Purpose.CAMPAIGN:
        planned = [
            writes.delete(
                messaging.table(),
                plans.key(upload.tenant, upload.id),
                condition="attribute_not_exists(pk) OR #state <> :used",
                names={"#state": "state"},
                values={":used": plans.State.USED.value},
                refused=lambda _: UploadUsed("It has been sent: see the batch."),
            )
        ]
    writes.transact(uploads.gone(upload), *planned, deed)
    upload_files.empty(upload.tenant, upload.id)
