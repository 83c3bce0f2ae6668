"""What the routes of uploads answer: how far a file is, and what it comes to."""

from typing import Any, Self

from pydantic import Field

from functions.sms.batches.categories import Category
from functions.sms.sheets.refusals import Refusal
from functions.sms.uploads import upload_files
from functions.sms.uploads.tallies import HINTS_SHOWN, Hint, Sample
from functions.sms.uploads.uploading import Found
from functions.sms.uploads.uploads import Purpose, State
from mifumo.modes import Mode
from mifumo.segments import Encoding
from mifumo.wire import Answer


class UploadSummary(Answer):
    """A file, and what its rows came to so far. `price` is in credits."""

    id: str = Field(description="Of a campaign it is the `quote_id` too.")
    purpose: Purpose = Field(examples=["campaign"])
    state: State = Field(
        description="`ready`: a quote that can be sent. `used`: it was sent, or, of contacts and opt-outs, taken over. "
        "`expired`: the file or the order to send came too late.",
        examples=["ready"],
    )
    mode: Mode = Field(
        description="That of the key it was made with, which may delete it; a batch that sends it has its own.",
        examples=["live"],
    )
    created_at: str
    bytes: int = Field(description="The size of the file; 0 until it has come.", examples=[31_000_000])
    bytes_read: int
    rows: int = Field(description="Read so far, the header and empty lines not counted.")
    accepted: int
    duplicates: int = Field(description="Rows whose number has come before: its first row counts.")
    opted_out: int
    refused: int = Field(description="Rows with something wrong in them.")
    segments: int = Field(description="Of all accepted rows together.")
    price: int
    valid_until: str | None = Field(description="Until when the quote can be sent.")
    batch_id: str | None = Field(description="What was made of it.")

    @classmethod
    def of(cls, found: Found) -> Self:
        """Writes an upload for the wire."""
        return cls(**_summary(found))


class RefusedRow(Answer):
    """A row that is left out."""

    line: int = Field(description="Where it begins in the file, counted from 1.", examples=[7])
    column: str = Field(description="The column that is to blame; empty when it is the row.", examples=["phone"])
    value: str = Field(description="What is in it, up to 100 characters.", examples=["7.12E+08"])
    code: str = Field(examples=["scientific_notation"])
    detail: str

    @classmethod
    def of(cls, refusal: Refusal) -> "RefusedRow":
        """Writes a refusal for the wire."""
        return cls(
            line=refusal.line, column=refusal.column, value=refusal.value, code=refusal.code, detail=refusal.detail
        )


class SampleText(Answer):
    """A text as somebody will get it."""

    line: int
    to: str | None = Field(description="Null once the number was erased.", examples=["+255712345678"])
    text: str = Field(examples=["Habari Asha, salio lako ni TSh 10,000."])
    encoding: Encoding = Field(examples=["GSM-7"])
    segments: int

    @classmethod
    def of(cls, sample: Sample) -> "SampleText":
        """Writes a sample for the wire."""
        return cls(
            line=sample.line,
            to=f"+{sample.digits}" if sample.digits else None,
            text=sample.text,
            encoding=Encoding(sample.encoding),
            segments=sample.segments,
        )


class Advice(Answer):
    """What would make the texts cheaper."""

    line: int = Field(description="The first row that it is about.")
    characters: str = Field(description="They turn a text to UCS-2, and could be plainer.", examples=["’"])
    segments: int
    plainer_segments: int
    saves: int = Field(description="Credits, over the whole file.")
    detail: str = Field(examples=["Line 7: ’ makes 2 segments of 1; writing it plainer saves 4,210 credits."])

    @classmethod
    def of(cls, hint: Hint) -> "Advice":
        """Writes a hint for the wire."""
        return cls(
            line=hint.line,
            characters=hint.characters,
            segments=hint.segments,
            plainer_segments=hint.plainer,
            saves=hint.saves,
            detail=f"Line {hint.line}: {hint.characters} makes {hint.segments} segments of {hint.plainer}; writing it "
            f"plainer, as `smart_encoding` does, saves {hint.saves:,} credits.",
        )


class UploadDetail(UploadSummary):
    """All that is known of a file, but for the link to what was refused."""

    reason_code: str | None = Field(description="Why the file was refused.", examples=["no_phone_column"])
    reason: str | None
    sender_id: str | None
    text: str | None = Field(description="What is sent, with its placeholders.")
    category: Category | None = Field(
        description="What its template says that it is for; null where the request that sends it does.",
        examples=["promotional"],
    )
    columns: list[str] = Field(description="By what names placeholders find them.", examples=[["phone", "name"]])
    phone_column: str | None = Field(description="Where the numbers are.", examples=["phone"])
    header: list[str] | None = Field(
        description="The first row, where it was taken for the names of the columns and nothing was sent to it; null "
        "where it was taken for a row like the others.",
        examples=[["Phone", "Name"]],
    )
    encoding: Encoding | None = Field(description="UCS-2 as soon as one text needs it.", examples=["GSM-7"])
    refusals: list[RefusedRow] = Field(description="The first 20.")
    samples: list[SampleText] = Field(description="Up to five of the texts.")
    advice: list[Advice] = Field(description="Up to five, those that save most first.")

    @classmethod
    def of(cls, found: Found) -> Self:
        """Writes an upload for the wire."""
        return cls(**_detail(found))


class UploadAnswer(UploadDetail):
    """All that is known of a file: of a campaign it is the quote."""

    refused_url: str | None = Field(
        description="A link, good for 15 minutes, to a CSV file of all rows that are left out, duplicates and "
        "opted-out numbers among them; there when the file has been read."
    )

    @classmethod
    def of(cls, found: Found) -> Self:
        """Writes an upload for the wire, with a new link."""
        upload = found.upload
        listed = upload.tally.pieces > 0 and not upload.open
        link = upload_files.refused_link(upload.tenant, upload.id) if listed else None
        return cls(**_detail(found), refused_url=link)


class UploadMade(UploadAnswer):
    """A new upload, and the form that its file is posted with."""

    url: str = Field(description="Where to, as multipart/form-data.")
    fields: dict[str, str] = Field(description="What stands before the member `file` in the form, all of it.")
    file_until: str = Field(description="Until when the form is good.")
    file_bytes_max: int = Field(examples=[upload_files.FILE_BYTES_MAX])

    @classmethod
    def with_form(cls, found: Found, form: upload_files.Form) -> "UploadMade":
        """Writes a new upload for the wire."""
        return cls(
            **UploadAnswer.of(found).model_dump(),
            url=form.url,
            fields=form.fields,
            file_until=found.upload.file_until,
            file_bytes_max=upload_files.FILE_BYTES_MAX,
        )


class UploadPage(Answer):
    """A page of uploads, newest first."""

    items: list[UploadSummary]
    next: str | None


def _detail(found: Found) -> dict[str, Any]:
    upload, tally = found.upload, found.upload.tally
    sheet, task = tally.sheet, upload.task
    code, reason = upload.reason or (None, None)
    return {
        **_summary(found),
        "reason_code": code,
        "reason": reason,
        "sender_id": task.sender_id or None,
        "text": task.text or None,
        "category": task.category,
        "columns": list(sheet.names) if sheet else [],
        "phone_column": sheet.names[sheet.phone] if sheet else None,
        "header": list(sheet.header) if sheet and sheet.header else None,
        "encoding": tally.extent.encoding if tally.extent.recipients else None,
        "refusals": [RefusedRow.of(one) for one in tally.refusals],
        "samples": [SampleText.of(one) for one in tally.samples],
        "advice": [Advice.of(one) for one in tally.hints[:HINTS_SHOWN]],
    }


def _summary(found: Found) -> dict[str, Any]:
    upload, tally, plan = found.upload, found.upload.tally, found.plan
    return {
        "id": upload.id,
        "purpose": upload.task.purpose,
        "state": found.state,
        "mode": upload.mode,
        "created_at": upload.created_at,
        "bytes": tally.size,
        "bytes_read": tally.place.offset,
        "rows": tally.rows,
        "accepted": tally.accepted,
        "duplicates": tally.duplicates,
        "opted_out": tally.opted_out,
        "refused": tally.refused,
        "segments": tally.extent.price,
        "price": tally.extent.price,
        "valid_until": plan.valid_until if plan else None,
        "batch_id": plan.batch if plan else None,
    }
