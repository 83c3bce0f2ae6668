"""Stage: everything in which one environment differs from another, as plain data."""

import os
import platform
import sys
from dataclasses import dataclass
from typing import Literal

from infra.bank import NONE, SAMPLE, BankAccount


@dataclass(frozen=True, kw_only=True)
class Stage:
    name: str
    emulated: bool = False
    """Deployed to the local emulator: infra/parts/emulator.py says what that changes."""
    account: str | None = None
    """None: the account of the credentials that deploy."""
    region: str = "af-south-1"

    python: str = "3.13"
    architecture: Literal["arm64", "x86_64"] = "arm64"
    wheels: str | None = "aarch64-manylinux_2_28"
    """uv's name of the platform that wheels are chosen for; None is the machine that bundles."""

    retained: bool = True
    """Tables, secrets and logs survive the deletion of their stack, and a table refuses to be deleted."""
    log_days: Literal[7, 30, 365] = 30

    cors_origins: tuple[str, ...] = ()
    public_url: str | None = None
    """The origin that providers call back, without a trailing slash; None is the API's own address."""
    beem_url: str = "https://apisms.beem.africa"
    beem_reports_url: str = "https://dlrapi.beem.africa"
    zenopay_url: str = "https://zenoapi.com/api/payments"
    pawapay_url: str = "https://api.pawapay.io"
    clickpesa_url: str = "https://api.clickpesa.com/third-parties"
    clickpesa_fees: str = "nobody:0"
    """Who bears ClickPesa's fee (nobody, merchant, payer), and how many thousandths of an amount it is at most."""
    payment_providers: str = (
        "vodacom=zenopay,pawapay,clickpesa;tigo=zenopay,pawapay,clickpesa;"
        "airtel=zenopay,pawapay,clickpesa;halotel=zenopay,pawapay,clickpesa"
    )
    """The providers behind each wallet, in the order in which they are asked; without its secret one is passed over."""
    pushes_per_provider: int = 600
    """Pushes a minute; 0 sets no limit."""
    provider_failures_max: int = 5
    """After so many unanswered calls in a row a payment provider is sent no push for `circuit_open_s`."""

    api_rate: int = 1000
    """Requests a second; the account's own limit is 2,500 in Cape Town."""
    api_burst: int = 500
    worker_concurrency: int = 10
    """Workers of one lane that call Beem at the same time."""
    receipts_per_batch: int = 2_000
    receipts_wait_s: int = 5
    """How long reports are gathered: every batch updates the counter of each chunk it touches once. A report is one
    write of some 6 ms: two thousand take a fifth of the function's time, and a third of what an invocation carries.
    """
    worker_timeout_s: int = 60
    provider_timeout_s: int = 30
    door_provider_timeout_s: int = 10
    """A door's wait for a provider: a token, a push, or one after another provider that could not be reached, and
    it must still record "unknown" before the gateway hangs up after 30 s."""

    contacts_preverified: bool = False
    """Those who register count as verified: only where nobody receives texts."""
    second_factor_for_staff: bool = True
    console_url: str = "https://console.example"
    """Where invitations lead to."""
    mail_from: str = ""
    """The SES identity that letters come from; empty: codes and invitations go by text alone."""
    requests_per_ip: int = 100
    requests_per_tenant: int = 1000
    requests_per_key: int = 600
    """Requests a minute: on public routes of one address, of a tenant, of one API key."""
    tenant_reopen_within_s: int = 2_592_000
    """For how long a tenant that was closed can be reopened."""
    quote_validity_s: int = 1_800
    parked_for_s: int = 604_800
    parked_look_s: int = 600
    """For how long an order waits for credits, and how often it is looked at."""
    auth_attempts_per_ip: int = 30
    """Registrations and failed logins from one address in 15 minutes."""

    claim_lease_s: int = 300
    sweep_after_s: int = 60
    """What a queue or a worker has lost is looked at again after this long."""
    receipt_window_s: int = 259_200
    report_pull_after_s: int = 600
    missing_pull_every_s: int = 21_600
    """Beem is asked once where it called numbers invalid, and again and again about whoever has no report."""
    inbox_looks_s: str = "60,300,1800,21600,259200"
    """How old a report that matches nothing is whenever it is looked at; after the last time, people are told."""
    owed_endings: str = "rejected"
    """Endings of charged texts that give the credits back to every tenant: rejected, undelivered, unknown."""
    send_retry_base_s: int = 15
    send_attempts_max: int = 20
    circuit_open_s: int = 60
    tenant_segments_per_s: int = 1_500
    platform_segments_per_s: int = 2_400
    """The pace of the bulk lane: of one tenant, and of all, which is what Beem takes less what urgent texts need. Ten
    workers with calls of 0.3 s make some 3,300 segments a second; what they do not need goes into putting chunks off.
    """
    tenant_urgent_per_s: int = 5
    """A tenant's calls on the urgent lane, and twenty seconds' worth at once; what it sends beyond takes the bulk lane.
    Ten workers with calls of 0.3 s make 33 of them: as many tenants as six send all that they may, and nobody waits.
    """
    provider_balance_min: int = 100_000
    """Credits at Beem below which people are told."""
    circuit_open_max_s: int = 900
    circuit_failures_max: int = 5
    """After so many calls to Beem in a row without an answer nothing is handed over, for ever longer."""
    urgent_recipients_max: int = 10
    test_recipients_per_day: int = 1_000
    """Recipients that a tenant may test with in a day: one full send. Tests are free, and take the lanes, the workers
    and the table of those who pay; nobody learns more from the second thousand.
    """
    hooks_to_loopback: bool = False
    """Webhooks may be http on the loopback interface: only where the customer's system is the laptop's own."""
    hook_timeout_s: int = 10
    hook_retries_s: str = "5,300,1800,7200,18000,36000,50400,72000,86400"
    """Gaps between the ten attempts at one webhook: three days and a bit."""
    hook_rest_s: int = 60
    hook_give_up_s: int = 432_000
    """For how long a webhook that fails again and again is left alone, and after how long it is disabled."""
    payment_expiry_s: int = 1800
    payment_checks_s: str = "15,30,60,120,300,600,900,1800,3600"
    """Gaps between two looks at a payment; the last one repeats."""
    payment_watch_s: int = 604_800
    transfer_expiry_s: int = 1_209_600
    bank: BankAccount = NONE
    """The account that tenants transfer to."""
    two_person_above_tzs: int = 1_000_000
    """What one of the staff may confirm alone of a bank transfer; all above, and every review, takes a second one."""
    two_person_above_credits: int = 5_000
    """The same of credits that are given or taken by hand."""
    proposal_expiry_s: int = 604_800
    payment_lost_after_s: int = 600
    """A push whose answer was lost never was, if its provider keeps every push and does not know it by then."""
    seller_name: str = "Mifumo SMS"
    """Who sells, as invoices name it, with its numbers as a taxpayer; without them, documents leave them open."""
    seller_tin: str = ""
    seller_vrn: str = ""


def named(name: str) -> Stage:
    """The stage of that name; an unknown one stops the synthesis."""
    match name:
        case "local":
            return _local()
        case "dev":
            return Stage(name="dev", retained=False, cors_origins=("http://localhost:5173",))
        case "prod":
            return Stage(name="prod", log_days=365, cors_origins=("https://console.example",))
        case _:
            sys.exit(f"unknown stage {name!r}: it is local, dev or prod")


def _local() -> Stage:
    """The emulator runs functions as plain processes, so they are built for this machine and this Python.

    The waits are short enough to be watched, and long enough for a loaded laptop.
    """
    beem = f"http://127.0.0.1:{os.environ.get('BEEM_PORT', '8081')}"
    zenopay = f"http://127.0.0.1:{os.environ.get('ZENOPAY_PORT', '8082')}/api/payments"
    clickpesa = f"http://127.0.0.1:{os.environ.get('CLICKPESA_PORT', '8084')}/third-parties"
    front_port = os.environ.get("FRONT_PORT", "8080")
    return Stage(
        name="local",
        emulated=True,
        account="000000000000",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        architecture="arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
        wheels=None,
        retained=False,
        log_days=7,
        cors_origins=(f"http://127.0.0.1:{front_port}", f"http://localhost:{front_port}"),
        public_url=f"http://127.0.0.1:{front_port}",
        beem_url=beem,
        beem_reports_url=beem,
        zenopay_url=zenopay,
        pawapay_url=f"http://127.0.0.1:{os.environ.get('PAWAPAY_PORT', '8083')}",
        clickpesa_url=clickpesa,
        # A provider that is tried by itself, one behind another, and all three: so each way can be walked.
        payment_providers="vodacom=zenopay;tigo=pawapay,zenopay;airtel=clickpesa;halotel=pawapay,clickpesa,zenopay",
        pushes_per_provider=0,
        worker_concurrency=4,
        receipts_per_batch=10,
        receipts_wait_s=1,
        worker_timeout_s=15,
        provider_timeout_s=4,
        door_provider_timeout_s=4,
        contacts_preverified=True,
        second_factor_for_staff=False,
        console_url=f"http://127.0.0.1:{front_port}/console",
        requests_per_ip=20_000,
        requests_per_tenant=20_000,
        requests_per_key=20_000,
        tenant_reopen_within_s=60,
        parked_look_s=20,
        auth_attempts_per_ip=1000,
        claim_lease_s=20,
        sweep_after_s=10,
        receipt_window_s=30,
        report_pull_after_s=5,
        missing_pull_every_s=10,
        inbox_looks_s="2,5,15,30,60",
        send_retry_base_s=1,
        send_attempts_max=8,
        circuit_open_s=6,
        circuit_open_max_s=12,
        tenant_segments_per_s=400,
        platform_segments_per_s=600,
        tenant_urgent_per_s=50,
        hooks_to_loopback=True,
        hook_timeout_s=3,
        hook_retries_s="1,2,3,5,5,10,10,20,20",
        hook_rest_s=5,
        hook_give_up_s=600,
        payment_expiry_s=25,
        payment_checks_s="2,3,5,10,20",
        payment_watch_s=300,
        bank=SAMPLE,
        payment_lost_after_s=10,
    )
