"""Problem codes: what each `code` of a problem document means, and the page that says so.

Refusals that this function can import explain themselves; those of the other slices are listed here, because slices do
not import each other. A test compares both with every refusal in the code.
"""

from collections.abc import Iterator
from functools import cache
from html import escape
from typing import NamedTuple

from mifumo.errors import AppError


class Problem(NamedTuple):
    """One code that clients may branch on."""

    code: str
    status: int
    title: str
    meaning: str


ELSEWHERE = (
    Problem(
        "internal_error",
        500,
        "Something went wrong on our side",
        "We have logged it: tell us the request id. Send a request that made messages or money again with the same "
        "Idempotency-Key.",
    ),
    Problem(
        "insufficient_credits",
        402,
        "Not enough credits",
        "The wallet has fewer credits available than this needs; `required`, `available` and `shortfall` say how many. "
        "An answer to a send has `quote_id` as well, an offer of what lacks, and `top_up_url`, where people pay it.",
    ),
    Problem(
        "too_many_parked",
        409,
        "Too many orders wait for credits",
        "Fifty sends of the tenant are parked: buy credits for them, or cancel some at "
        "`/api/sms/batches/{id}/cancel/`.",
    ),
    Problem(
        "sender_id_not_allowed",
        403,
        "This sender ID cannot be used",
        "It is neither an approved one of your own nor one of the platform's that your package includes. It is never "
        "replaced by another one.",
    ),
    Problem(
        "daily_cap_reached",
        403,
        "The daily cap is reached",
        "The tenant has set itself a cap on recipients a day, and this is for more than are left of it: `cap` and "
        "`left` say how many, `ends_at` when the day ends.",
    ),
    Problem(
        "sender_id_taken",
        409,
        "This sender ID is taken",
        "The name is the platform's or another tenant's, or was asked for already.",
    ),
    Problem(
        "name_taken",
        409,
        "This name is taken",
        "The tenant has another thing of this kind with the same name, whatever the case of its letters.",
    ),
    Problem(
        "contact_exists",
        409,
        "There is a contact with this number",
        "The tenant has a contact with this number: its id is told, so that it can be changed instead.",
    ),
    Problem(
        "changed_meanwhile",
        409,
        "It has changed meanwhile",
        "Somebody else has changed it since it was read: read it again and say what is to be changed.",
    ),
    Problem(
        "too_many_opt_outs",
        409,
        "Too many numbers are opted out",
        "So many numbers are opted out that no more are taken: talk to us.",
    ),
    Problem(
        "amount_outside_limits",
        422,
        "This wallet does not take that amount",
        "The price is below the minimum or above the maximum of the chosen mobile-money wallet.",
    ),
    Problem(
        "provider_unavailable",
        503,
        "The payment provider cannot be reached",
        "Nobody was asked for money: try again, after Retry-After where the answer has one.",
    ),
    Problem(
        "callback_refused",
        403,
        "This callback was refused",
        "The call does not prove that it comes from the provider; nothing of it was kept.",
    ),
)

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Problem codes of the Mifumo SMS API</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
:target {{ background: #fff3bf; color: #000; }}
</style>
<main>
<h1>Problem codes</h1>
<p>Every refusal is a problem document (RFC 9457). Branch on <code>code</code>, show <code>detail</code>, and tell us
the <code>request_id</code> when you ask for help. Where <code>retryable</code> is true, the same request can be sent
again. What the gateway refuses before it reaches us (a body above 10 MB, too many requests at once) has a status of
413, 429 or 503 and no <code>code</code>. <a href="/api/docs/">Back to the API</a>.</p>
{sections}
</main>
</html>
"""


@cache
def page() -> str:
    """Returns the page, with an anchor for each code."""
    return _PAGE.format(sections="\n".join(map(_section, known())))


def known() -> list[Problem]:
    """Lists every problem, by status and code."""
    own = {refusal.code: _of(refusal) for refusal in _refusals(AppError)}
    elsewhere = {problem.code: problem for problem in ELSEWHERE}
    return sorted({**elsewhere, **own}.values(), key=lambda problem: (problem.status, problem.code))


def _refusals(parent: type[AppError]) -> Iterator[type[AppError]]:
    """Yields the tree below, less those that inherit their code."""
    for child in parent.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from _refusals(child)


def _of(refusal: type[AppError]) -> Problem:
    first = (refusal.__doc__ or "").strip().split("\n\n")[0]
    return Problem(refusal.code, refusal.status, refusal.title, " ".join(first.split()))


def _section(problem: Problem) -> str:
    return (
        f'<section id="{escape(problem.code)}"><h2><code>{escape(problem.code)}</code></h2>'
        f"<p>{problem.status}. <strong>{escape(problem.title)}.</strong> {escape(problem.meaning)}</p></section>"
    )
