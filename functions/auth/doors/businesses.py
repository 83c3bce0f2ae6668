"""Businesses: the tenants that one person belongs to, another one of their own, and going over to one of them."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.auth import businesses, cookies
from functions.auth.businesses import Mine
from functions.auth.cookies import Kept
from functions.auth.wire import Entrance, Name, TenantView
from mifumo.http import Caller, needs
from mifumo.ids import TenantId
from mifumo.permissions import Action, Role
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class BusinessRequest(Request):
    business_name: Annotated[Name, Field(description="The tenant that you will own.", examples=["Duka la Pili"])]


class SwitchRequest(Request):
    tenant_id: str = Field(
        max_length=64, description="One of `GET /api/auth/tenants/`.", examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"]
    )


class MembershipView(Answer):
    tenant: TenantView
    role: Role
    status: Literal["active", "suspended"] = Field(description="A suspended member cannot switch to the tenant.")

    @classmethod
    def of(cls, one: Mine) -> "MembershipView":
        """Shows a tenant and what I am in it."""
        return cls(
            tenant=TenantView.of(one.tenant), role=one.role, status="active" if one.status == "active" else "suspended"
        )


class MembershipList(Answer):
    items: list[MembershipView]


@router.get("/api/auth/tenants/", summary="List the tenants that you belong to", tags=["auth"])
@needs(Action.OWN_ACCOUNT)
def list_tenants(caller: Caller) -> MembershipList:
    return MembershipList(items=[MembershipView.of(one) for one in businesses.mine(caller)])


@router.post(
    "/api/auth/tenants/",
    status_code=201,
    summary="Open another business",
    description="You own it. Your token goes on speaking for the tenant that it was made for: switch to the new one.",
    tags=["auth"],
    openapi_extensions={"x-problems": [429]},
)
@needs(Action.OWN_ACCOUNT)
def open_tenant(request: BusinessRequest, caller: Caller) -> MembershipView:
    return MembershipView.of(businesses.open_another(caller, request.business_name))


@router.post(
    "/api/auth/switch/",
    summary="Switch to another of your tenants",
    description="A token always belongs to one tenant: you get new tokens, and those that you have stay good.",
    tags=["auth"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.OWN_ACCOUNT)
def switch(request: SwitchRequest, caller: Caller, kept: Kept = None) -> Response[Entrance]:
    return cookies.hand_over(Entrance.of(businesses.switch(caller, TenantId(request.tenant_id))), kept)
