"""Exports: an owner takes the tenant's data along, as files."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.auth import exports
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action
from mifumo.privacy import DataRequest, State
from mifumo.wire import Answer

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["tenant"]
_KINDS = "tenant, members, api_keys, audit, sender_ids, batches, messages, balance, statement and payments"


class ExportView(Answer):
    id: str
    state: State = Field(examples=["running"])
    parts: dict[str, State] = Field(
        description="How far each part is: `auth`, `sms` and `billing`.", examples=[{"auth": "done", "sms": "running"}]
    )
    asked_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    done_at: str | None = Field(examples=["2026-01-31T08:20:30.000Z"])
    expires_at: str = Field(description="There are no files any more from then on.")

    @classmethod
    def of(cls, found: DataRequest) -> "ExportView":
        """Shows an export."""
        return cls(
            id=found.id,
            state=found.state,
            parts={part.value: state for part, state in found.parts.items()},
            asked_at=found.asked_at,
            done_at=found.done_at,
            expires_at=exports.expires_at(found),
        )


class ExportFile(Answer):
    name: str = Field(examples=["messages-00001.jsonl"])
    url: str = Field(description="Good for 15 minutes, for anybody who has it: read the export again for a new one.")


class ExportWithFiles(ExportView):
    files: list[ExportFile] = Field(description="Empty until it is done, and from `expires_at` on.")


class ExportPage(Answer):
    items: list[ExportView]
    next: str | None


@router.post(
    "/api/tenant/exports/",
    status_code=202,
    summary="Export the tenant's data",
    description=f"Files of JSON Lines, UTF-8, in the words of this API: {_KINDS}. One export runs at a time: while it "
    "does, the same one comes back, and what it has not written is begun anew.",
    tags=_TAGS,
)
@needs(Action.DATA_EXPORT)
def request_export(caller: Caller) -> ExportView:
    return ExportView.of(exports.start(caller))


@router.get("/api/tenant/exports/", summary="List the exports of a month, newest first", tags=_TAGS)
@needs(Action.DATA_EXPORT)
def list_exports(caller: Caller, limit: Limit = 20, cursor: Cursor = None) -> ExportPage:
    found, following = exports.page(caller.tenant_id, limit=limit, cursor=cursor)
    return ExportPage(items=[ExportView.of(one) for one in found], next=following)


@router.get("/api/tenant/exports/<export_id>/", summary="Download an export", tags=_TAGS)
@needs(Action.DATA_EXPORT)
def read_export(export_id: str, caller: Caller) -> ExportWithFiles:
    found = exports.read(caller.tenant_id, export_id)
    files = [ExportFile(name=name, url=url) for name, url in exports.files(found)]
    return ExportWithFiles(**ExportView.of(found).model_dump(), files=files)
