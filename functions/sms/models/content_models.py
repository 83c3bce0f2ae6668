"""What the routes of contacts, groups, templates and opt-outs answer, and what an export tells of them."""

from pydantic import Field

from functions.sms.batches.categories import Category
from functions.sms.content.contacts import Contact
from functions.sms.content.groups import Group
from functions.sms.content.opt_outs import OptOut, Source
from functions.sms.content.templates import Template
from mifumo.wire import Answer


class ContactAnswer(Answer):
    """A person with a number."""

    id: str
    phone: str = Field(examples=["+255712345678"])
    name: str = Field(examples=["Asha Mrema"])
    attributes: dict[str, str]
    tags: list[str]
    group_ids: list[str] = Field(description="The groups that the contact is in.")
    opted_out_at: str | None = Field(description="Since when no text goes there; None when texts do.")
    version: int
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, contact: Contact, *, opted_out_at: str | None) -> "ContactAnswer":
        """Writes a contact for the wire."""
        return cls(
            id=contact.id,
            phone=f"+{contact.digits}",
            name=contact.name,
            attributes=dict(contact.attributes),
            tags=list(contact.tags),
            group_ids=sorted(contact.groups),
            opted_out_at=opted_out_at,
            version=contact.version,
            created_at=contact.created_at,
            updated_at=contact.updated_at,
        )


class GroupAnswer(Answer):
    """Contacts under a name."""

    id: str
    name: str = Field(examples=["Wholesale, Mwanza"])
    members: int = Field(description="How many contacts are in it: 1,000 at most.")
    version: int
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, group: Group) -> "GroupAnswer":
        """Writes a group for the wire."""
        return cls(
            id=group.id,
            name=group.name,
            members=group.members,
            version=group.version,
            created_at=group.created_at,
            updated_at=group.updated_at,
        )


class TemplateAnswer(Answer):
    """A text with placeholders."""

    id: str
    name: str = Field(examples=["Balance reminder"])
    category: Category
    body: str
    variables: list[str] = Field(description="What a send gives values for.", examples=[["name", "amount"]])
    version: int
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, template: Template) -> "TemplateAnswer":
        """Writes a template for the wire."""
        return cls(
            id=template.id,
            name=template.name,
            category=template.category,
            body=template.body,
            variables=template.variables,
            version=template.version,
            created_at=template.created_at,
            updated_at=template.updated_at,
        )


class OptOutAnswer(Answer):
    """A number that is not texted."""

    phone: str = Field(examples=["+255712345678"])
    source: Source = Field(description="`keyword`: its owner texted STOP, ACHA or ONDOA.", examples=["keyword"])
    reason: str
    created_at: str

    @classmethod
    def of(cls, found: OptOut) -> "OptOutAnswer":
        """Writes an opt-out for the wire."""
        return cls(phone=f"+{found.digits}", source=found.source, reason=found.reason, created_at=found.created_at)
