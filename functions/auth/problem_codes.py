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
        "credit_cap_exceeded",
        409,
        "This costs more than it may",
        "The batch would cost `required` credits and may cost `cap`, by the tenant's `batch_credit_cap` or the "
        "request's `max_credits`. Nothing was held.",
    ),
    Problem(
        "batch_over",
        409,
        "The batch is over",
        "It is completed or cancelled: nothing of it is left to be paused, resumed, rescheduled or cancelled.",
    ),
    Problem(
        "batch_status_unfit",
        409,
        "Not possible in the status of this batch",
        "What is being sent can be paused, what is paused resumed; `detail` says what the batch is.",
    ),
    Problem(
        "wallet_frozen",
        409,
        "The wallet is frozen",
        "The tenant's books did not add up when they were last recomputed. Nothing is lost: it neither sends nor buys "
        "until our staff have looked into it.",
    ),
    Problem(
        "fiscal_receipt_recorded",
        409,
        "This document has its fiscal receipt already",
        "It is recorded once; an invoice is never changed.",
    ),
    Problem(
        "wallet_not_frozen",
        409,
        "The wallet is not frozen",
        "There is no freeze to lift.",
    ),
    Problem(
        "too_many_webhooks",
        409,
        "Delete a webhook first",
        "A tenant has ten webhooks at most.",
    ),
    Problem(
        "webhook_url_refused",
        422,
        "This address cannot be called",
        "A webhook is an https address whose name leads to public addresses alone: `errors` says what is wrong with "
        "this one. It is looked at again before every call.",
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
        "no_tests_left",
        403,
        "The day's tests are used up",
        "Tests cost nothing, so there are only so many recipients of them a day: `cap` and `left` say how many, "
        "`ends_at` when the day ends.",
    ),
    Problem(
        "not_for_test_keys",
        403,
        "A test key changes tests alone",
        "The batch was not sent as a test, or the upload was not made with a test key: use a live key, or sign in.",
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
        "upload_used",
        409,
        "This upload has been used",
        "What you uploaded has been sent or taken over already.",
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
        "own_proposal",
        403,
        "Another person has to decide on your proposal",
        "Whoever proposed a decision about money cannot approve or reject it.",
    ),
    Problem(
        "already_proposed",
        409,
        "A decision has been proposed already",
        "`proposal_id` is open: approve or reject it, or have it withdrawn, before another one is made.",
    ),
    Problem(
        "proposal_closed",
        409,
        "The proposal is not open any more",
        "Somebody has approved, rejected or withdrawn it before.",
    ),
    Problem(
        "proposal_lapsed",
        409,
        "The proposal no longer holds",
        "It waited for too long, or its payment has changed since: look at it again and propose anew.",
    ),
    Problem(
        "not_under_review",
        409,
        "The payment is not under review",
        "There is nothing to decide.",
    ),
    Problem(
        "already_credited",
        409,
        "This payment has been credited before",
        "More money for it goes back, or is credited by an adjustment.",
    ),
    Problem(
        "receipt_used",
        409,
        "This receipt has paid for another payment",
        "A transaction of the operator, or a line of a bank's statement, pays once.",
    ),
    Problem(
        "credits_spent",
        409,
        "The credits are not there any more",
        "The wallet has fewer credits available than would be taken; `required` and `available` say how many.",
    ),
    Problem(
        "not_refundable",
        409,
        "The payment cannot be refunded",
        "Only what was completed, and has not gone back, can be refunded.",
    ),
    Problem(
        "not_refunding_by_hand",
        409,
        "There is no refund to make by hand",
        "No money waits to be sent back by hand for this payment.",
    ),
    Problem(
        "money_unseen",
        409,
        "No money has come for this payment",
        "The provider says that no money has come for this payment: dismiss it, there is none to send back.",
    ),
    Problem(
        "refund_not_stuck",
        409,
        "The refund is not stuck",
        "No provider has been at this refund for longer than it may take; what is made by hand is ended by hand.",
    ),
    Problem(
        "refund_contradicted",
        409,
        "The provider says otherwise of this refund",
        "The provider says otherwise. If it refuses the refund, that is over with the next look at it.",
    ),
    Problem(
        "not_confirmable",
        409,
        "There is nothing to confirm",
        "The transfer has been confirmed before, with another line of the statement, or is under review.",
    ),
    Problem(
        "amount_outside_limits",
        422,
        "This wallet does not take that amount",
        "The price is below the minimum or above the maximum of the chosen mobile-money wallet; `pay_by` lists what "
        "takes it: other wallets, and bank transfer, which takes any amount.",
    ),
    Problem(
        "quote_expired",
        422,
        "This quote has expired",
        "The offer stands no more: ask for a new one.",
    ),
    Problem(
        "quote_used",
        409,
        "This quote is being paid, or has been",
        "A payment has been begun with the quote that has brought its money, or may still; `payment_id` is that "
        "payment.",
    ),
    Problem(
        "quote_sent",
        409,
        "This quote has been sent",
        "Another request has sent what the quote is for; `batch_id` is what it made.",
    ),
    Problem(
        "quote_not_ready",
        409,
        "This quote cannot be used",
        "What it is for is still being counted, or cannot be sent; reading it says which.",
    ),
    Problem(
        "outcome_open",
        409,
        "The first payment may still be paid",
        "The payer's handset may still ask for the first payment's money, so that another one would ask for it twice. "
        "Wait until it has ended.",
    ),
    Problem(
        "not_repeatable",
        409,
        "This payment cannot be made again",
        "It has brought its money, or its money is being looked into: nothing takes its place.",
    ),
    Problem(
        "not_cancellable",
        409,
        "This payment cannot be cancelled",
        "It has ended, has been paid, or is being looked into.",
    ),
    Problem(
        "too_many_transfers",
        409,
        "Too many bank transfers are awaited",
        "Cancel those that will not be paid.",
    ),
    Problem(
        "transfers_unavailable",
        503,
        "Bank transfers are not set up",
        "This deployment has no bank account to pay into: choose an amount that a wallet takes.",
    ),
    Problem(
        "already_retried",
        409,
        "This payment has been made again already",
        "Another payment has taken its place; `payment_id` is that one.",
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
    Problem(
        "signature_refused",
        401,
        "This callback's signature was refused",
        "The signature or checksum is not its provider's over these very bytes; nothing of the call was kept.",
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
