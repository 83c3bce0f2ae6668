"""Template: a text with placeholders that a tenant keeps under a name, for texts that differ in a few words."""

from dataclasses import dataclass

from functions.sms.batches.categories import Category
from mifumo import audit, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import ValidationFailed
from mifumo.ids import TenantId
from mifumo.tables import Page

from . import rendering
from .named import Kind
from .rendering import Values

KIND = Kind("TEMPLATES", "template")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders."""

    id: str
    name: str
    category: Category
    body: str
    version: int
    created_at: str
    updated_at: str

    @property
    def variables(self) -> list[str]:
        """What a send has to give."""
        return rendering.variables(self.body)

    def render(self, values: Values) -> str:
        """Makes the text of these values; raises ValidationFailed with every one that lacks or is not known."""
        if errors := rendering.misfits(self.body, values):
            raise ValidationFailed("The variables do not fit the template.", errors=tuple(errors))
        return rendering.render(self.body, values)


def of(item: Item) -> Template:
    """Reads a template from its item."""
    return Template(
        id=item["id"],
        name=item["name"],
        category=Category(item["category"]),
        body=item["body"],
        version=item["version"],
        created_at=item["created_at"],
        updated_at=item["updated_at"],
    )


def read(tenant: TenantId, template: str) -> Template:
    """Reads a tenant's template; raises NotFound."""
    return of(KIND.read(tenant, template))


def page(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's templates, newest first."""
    return KIND.page(tenant, limit=limit, start=start)


def create(caller: Principal, *, name: str, category: Category, body: str) -> Template:
    """Makes a template; raises ValidationFailed and NameTaken."""
    _require_well_formed(body)
    item, made = KIND.made(caller.tenant_id, name, {"category": category.value, "body": body})
    writes.transact(*made, audit.entry(caller, "template.created", target=item["id"], after={"name": name}))
    return of(item)


def change(
    caller: Principal, template: str, *, version: int, name: str | None, category: Category | None, body: str | None
) -> Template:
    """Changes what is given of a template that has this version; raises NotFound, ChangedMeanwhile and NameTaken."""
    before = KIND.read(caller.tenant_id, template)
    fields = {"category": (category or Category(before["category"])).value, "body": body or before["body"]}
    _require_well_formed(fields["body"])
    after, changed = KIND.changed(before, name or before["name"], fields, version=version)
    writes.transact(*changed, audit.entry(caller, "template.changed", target=template, after={"version": version + 1}))
    return of(after)


def delete(caller: Principal, template: str) -> None:
    """Deletes a template; what was sent with it stays as it is. Raises NotFound and ChangedMeanwhile."""
    before = KIND.read(caller.tenant_id, template)
    deed = audit.entry(caller, "template.deleted", target=template, before={"name": before["name"]})
    writes.transact(*KIND.gone(before), deed)


def _require_well_formed(body: str) -> None:
    if broken := rendering.broken(body):
        raise ValidationFailed.of("/body", "placeholder_invalid", broken)
