"""Tenants: written once, read by every door, and only the active and verified may act."""

import pytest

from mifumo import tables, tenants, writes
from mifumo.errors import Conflict, Forbidden
from mifumo.ids import TenantId
from mifumo.tenants import ContactUnverified, Status, TenantSuspended
from tests.wire import Wire

DUKA = TenantId("t1")


def test_a_new_tenant_is_active_and_read_as_it_was_written(aws_tables: Wire) -> None:
    writes.commit(tenants.put(DUKA, "Duka la Asha", verified=True))
    tenant = tenants.get(DUKA)
    assert tenant
    assert (tenant.id, tenant.name, tenant.status) == (DUKA, "Duka la Asha", Status.ACTIVE)
    assert tenants.require_able(tenant) is tenant


def test_a_tenant_that_exists_is_not_written_over(aws_tables: Wire) -> None:
    writes.commit(tenants.put(DUKA, "Duka la Asha"))
    with pytest.raises(Conflict):
        writes.commit(tenants.put(DUKA, "Another"))
    tenant = tenants.get(DUKA)
    assert tenant
    assert tenant.name == "Duka la Asha"


def test_a_tenant_that_is_not_there_is_none_and_may_not_act(aws_tables: Wire) -> None:
    assert tenants.get(DUKA) is None
    with pytest.raises(TenantSuspended):
        tenants.require_able(None)


def test_a_suspended_tenant_is_read_and_may_not_act(aws_tables: Wire) -> None:
    writes.commit(tenants.put(DUKA, "Duka la Asha"))
    suspended = writes.update(
        "access",
        tenants.key(DUKA),
        "SET #s = :suspended",
        condition="attribute_exists(pk)",
        names={"#s": "status"},
        values={":suspended": "suspended"},
        refused=lambda _: AssertionError(),
    )
    writes.commit(suspended)
    tenant = tenants.get(DUKA)
    assert tenant
    assert tenant.status is Status.SUSPENDED
    with pytest.raises(TenantSuspended) as refused:
        tenants.require_able(tenant)
    assert isinstance(refused.value, Forbidden)
    assert (refused.value.status, refused.value.code) == (403, "tenant_suspended")


def test_a_tenant_without_a_verified_contact_may_not_act_until_there_is_one(aws_tables: Wire) -> None:
    writes.commit(tenants.put(DUKA, "Duka la Asha"))
    with pytest.raises(ContactUnverified) as refused:
        tenants.require_able(tenants.get(DUKA))
    assert (refused.value.status, refused.value.code) == (403, "contact_unverified")
    writes.commit(tenants.verify(DUKA))
    assert tenants.require_able(tenants.get(DUKA)).verified_at


def test_a_tenant_that_is_not_there_is_not_verified_into_being(aws_tables: Wire) -> None:
    with pytest.raises(Conflict):
        writes.commit(tenants.verify(DUKA))
    assert tenants.get(DUKA) is None


def test_a_tenants_item_shares_its_partition_with_no_other_tenant(aws_tables: Wire) -> None:
    writes.commit(tenants.put(DUKA, "Duka la Asha"))
    assert len(tables.query("access", tenants.key(DUKA).pk).items) == 1
    assert tables.query("access", tenants.key(TenantId("t")).pk).items == []
