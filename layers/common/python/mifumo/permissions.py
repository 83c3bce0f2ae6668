"""Permissions: who may do what. One table of actions, roles and key scopes, which every door reads and the docs print.

A route declares its one action (`mifumo.http.needs`); a caller may take it if their role, or the scope of their API
key, stands in the action's row. What is not in a row is denied.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a member is in a tenant; support and staff are the platform's own people, staff its administrators."""

    OWNER = "owner"
    ADMIN = "admin"
    AGENT = "agent"
    SUPPORT = "support"
    STAFF = "staff"


class Scope(StrEnum):
    """What an API key may be given."""

    SMS_SEND = "sms:send"
    SMS_READ = "sms:read"
    BILLING_READ = "billing:read"
    BILLING_PAY = "billing:pay"
    TENANT_MANAGE = "tenant:manage"


class Action(StrEnum):
    """A thing that a route does, as the permission table names it."""

    OWN_ACCOUNT = "own account"
    SMS_SEND = "send texts"
    SMS_READ = "see texts"
    CONTENT_READ = "see templates, contacts and opt-outs"
    CONTENT_MANAGE = "change templates, contacts and opt-outs"
    SENDER_IDS_REQUEST = "ask for sender IDs"
    BILLING_READ = "see billing"
    BILLING_PAY = "buy credits"
    TENANT_READ = "see the tenant and its members"
    TENANT_MANAGE = "change the tenant's settings"
    MEMBERS_MANAGE = "invite, suspend, remove and change members"
    KEYS_MANAGE = "manage API keys"
    AUDIT_READ = "see the tenant's audit log"
    DATA_EXPORT = "export the tenant's data and erase numbers"
    TENANT_TRANSFER = "transfer ownership"
    TENANT_CLOSE = "close the tenant"
    PLATFORM_READ = "see every tenant"
    SENDER_IDS_REVIEW = "review sender IDs"
    TENANTS_SUSPEND = "suspend and reactivate tenants"
    STAFF_MANAGE = "manage platform staff"
    PROVIDERS_SWITCH = "stop and resume hand-over to providers"
    MONEY_PROPOSE = "propose decisions about money"
    MONEY_DECIDE = "decide about money"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may take an action: these roles, and keys of this scope if there is one."""

    roles: frozenset[Role]
    scope: Scope | None = None


_EVERYBODY = frozenset(Role)
PLATFORM_ROLES = frozenset({Role.SUPPORT, Role.STAFF})
_HEADS = frozenset({Role.OWNER, Role.ADMIN, Role.STAFF})

RULES: dict[Action, Rule] = {
    Action.OWN_ACCOUNT: Rule(_EVERYBODY),
    Action.SMS_SEND: Rule(_EVERYBODY, Scope.SMS_SEND),
    Action.SMS_READ: Rule(_EVERYBODY, Scope.SMS_READ),
    Action.CONTENT_READ: Rule(_EVERYBODY, Scope.SMS_READ),
    Action.CONTENT_MANAGE: Rule(_HEADS, Scope.TENANT_MANAGE),
    Action.SENDER_IDS_REQUEST: Rule(_HEADS, Scope.TENANT_MANAGE),
    Action.BILLING_READ: Rule(_HEADS | PLATFORM_ROLES, Scope.BILLING_READ),
    Action.BILLING_PAY: Rule(_HEADS, Scope.BILLING_PAY),
    Action.TENANT_READ: Rule(_EVERYBODY, Scope.TENANT_MANAGE),
    Action.TENANT_MANAGE: Rule(_HEADS, Scope.TENANT_MANAGE),
    Action.MEMBERS_MANAGE: Rule(_HEADS),
    Action.KEYS_MANAGE: Rule(_HEADS),
    Action.AUDIT_READ: Rule(_HEADS, Scope.TENANT_MANAGE),
    Action.DATA_EXPORT: Rule(_HEADS - {Role.ADMIN}),
    Action.TENANT_TRANSFER: Rule(_HEADS - {Role.ADMIN}),
    Action.TENANT_CLOSE: Rule(_HEADS - {Role.ADMIN}),
    Action.PLATFORM_READ: Rule(PLATFORM_ROLES),
    Action.SENDER_IDS_REVIEW: Rule(PLATFORM_ROLES),
    Action.TENANTS_SUSPEND: Rule(frozenset({Role.STAFF})),
    Action.STAFF_MANAGE: Rule(frozenset({Role.STAFF})),
    Action.PROVIDERS_SWITCH: Rule(frozenset({Role.STAFF})),
    Action.MONEY_PROPOSE: Rule(PLATFORM_ROLES),
    Action.MONEY_DECIDE: Rule(frozenset({Role.STAFF})),
}
"""The table. Roles of a tenant act in that tenant alone; an action on every tenant is the platform's."""
