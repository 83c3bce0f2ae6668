"""Customers: three tenants who send, lead what they send, enter who wants no texts, and ask again when in doubt."""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from mifumo import aws, clock, credited, ledger, wallets
from mifumo.ids import TenantId
from tests.builders import token
from tests.chaos.listener import EVENTS
from tests.chaos.orders import HEARD, POOR, RICH, Kind, Order, Stop, drawn
from tests.chaos.processes import Processes
from tests.chaos.queues import Queues
from tests.sms.world import World

_TRY_AGAIN = 500
_YEARS_S = 50 * 365 * 24 * 3_600
# S3 may tell of a file late. Whoever sees no quote by then uploads it again, and gives up on one that comes to nothing.
_PATIENCE, _POSTED_MAX = timedelta(hours=24), 4
NAMES = {RICH: "DUKANI", HEARD: "SOKONI"}
"""By which names phones call those who have names of their own."""
_VERBS = ("pause", "pause", "resume", "resume", "resume", "resume", "cancel", "move", "move")


@dataclass(frozen=True)
class OptOut:
    """A tenant's number that was to be out: in which process, until when that was under way, and how many processes had
    begun when the door had answered that it is, if it has.
    """

    tenant: TenantId
    digits: str
    began: int
    at: datetime
    since: int | None


class Customers:
    """Those who use the API, one call a deed."""

    def __init__(self, world: World, dice: Random, total: int, queues: Queues, processes: Processes, hook: str) -> None:
        self.world, self._dice, self._queues, self._processes = world, dice, queues, processes
        self.counts: Counter[str] = Counter()
        self.orders = drawn(dice, total)
        self.outs: list[OptOut] = []
        self.perhaps_out = set[tuple[TenantId, str]]()
        self._tokens = {tenant: token(tenant=tenant, expires_in_s=_YEARS_S) for tenant in (RICH, POOR, HEARD)}
        self._given = {RICH: 50 * total, POOR: 1, HEARD: 50 * total}
        self._promised, self._kept = dict[str, int](), set[str]()
        for tenant, amount in self._given.items():
            world.fund(amount, tenant=tenant)
        self._templates = {tenant: self._template(tenant) for tenant in (RICH, HEARD)}
        for tenant, name in NAMES.items():
            self._own(tenant, name)
        assert self._call(HEARD, "/api/sms/webhooks/", {"url": hook, "events": EVENTS})[0] == 201

    # --- credits ---

    def fund(self) -> None:
        """Promises the poor one credits, and brings what was promised."""
        self._promised[f"more:{len(self._promised)}"] = self._dice.randrange(1, 60)
        self.keep_promises()

    def keep_promises(self) -> None:
        """Brings all credits of which it is not known that they are there; under its name, each moves once."""
        for name, amount in list(self._promised.items()):
            if name in self._kept:
                continue
            with suppress(ledger.AlreadyRecorded):
                self._bring(name, amount)
            self._kept.add(name)
            credited.tell(POOR)

    def _bring(self, name: str, amount: int) -> None:
        ledger.move(
            wallets.read(POOR),
            lambda wallet: ledger.credit(wallet, amount, name=name, reference=name, postings=[], package=None),
        )

    @property
    def credits(self) -> dict[TenantId, int]:
        """Returns what each tenant has been given in all."""
        return {**self._given, POOR: self._given[POOR] + sum(self._promised.values())}

    # --- deeds ---

    def deed(self) -> None:
        """Does one thing: sends what is not sent yet, asks again, leads one, brings credits, or opts somebody out."""
        unsent = [order for order in self.orders if not order.id and not order.void]
        unsent = [*[one for one in unsent if not one.reads][:3], *[one for one in unsent if one.reads][:3]]
        deeds: list[Callable[[], None]] = [self._lead, self._lead, self.fund, self._opt_out]
        if unsent:
            deeds += [partial(self.send, self._dice.choice(unsent))] * 6
        if sent := [order for order in self.orders if order.id]:
            deeds.append(partial(self.send, self._dice.choice(sent)))
        self._dice.choice(deeds)()

    @property
    def idle(self) -> bool:
        """Tells whether everything has been sent, but for files that wait to be read."""
        return all(order.id or order.void or order.reads for order in self.orders)

    def send_the_rest(self) -> bool:
        """Sends what is not sent yet, as on a good day; tells whether there was anything."""
        unsent = [order for order in self.orders if not order.id and not order.void]
        for order in unsent:
            self.send(order)
        return bool(unsent)

    def send(self, order: Order) -> None:
        """Sends an order; the second time it must be met by the first. A file goes ahead of it."""
        if order.kind is Kind.FILE and not self._is_quoted(order):
            return
        path, body = self._asked(order)
        if order.asked is None:
            order.asked = self._processes.serial
        status, answer = self._call(order.tenant, path, body, order.key)
        self.counts[f"send {status}"] += 1
        if status >= _TRY_AGAIN:
            return
        if status == 422 and order.send_at and not order.id:
            # Its moment has passed while nothing was heard of it: the customer writes down another one.
            order.send_at = ""
            return
        if status == 422 and {(order.tenant, number) for number in order.names} <= self.perhaps_out:
            order.void = True
            return
        assert status == 202, (status, answer)
        assert order.id in {"", answer["id"]}, "the same key made two batches"
        if not order.id:
            self.counts[f"orders {answer['status']}"] += 1
        if not order.id and order.send_at:
            order.stops.append(Stop(self._processes.serial, before=clock.parse(order.send_at)))
        if not order.id:
            order.answered = self._processes.serial
        order.id = answer["id"]

    def _asked(self, order: Order) -> tuple[str, dict[str, Any]]:
        """Writes the request, the same one every time."""
        body: dict[str, Any] = {"category": "promotional"} if order.promotional else {}
        if order.later_s:
            order.send_at = order.send_at or clock.after(order.later_s)
            body["send_at"] = order.send_at
        if order.kind is Kind.FILE:
            return "/api/sms/batches/", {**body, "quote_id": order.upload}
        body |= {"sender_id": "INFO", "park": order.parks, **({"mode": "test"} if order.test else {})}
        if order.kind is Kind.TEXT:
            return "/api/sms/send/", {**body, "text": order.template, "recipients": [f"+{one}" for one in order.names]}
        recipients = [{"to": f"+{number}", "variables": {"name": name}} for number, name in order.names.items()]
        shared = {"rest": order.template.split("{{name}}")[1]}
        wanted = {"template_id": self._templates[order.tenant], "variables": shared, "recipients": recipients}
        return "/api/sms/send/", body | wanted

    def _is_quoted(self, order: Order) -> bool:
        """Uploads an order's file, and tells whether the quote is there.

        One that was posted in time is waited for, whatever is told of it: S3 has it, and says so later.
        """
        if order.id or order.quoted:
            return True
        late = order.posted_at is not None and clock.now() - order.posted_at > _PATIENCE
        if late and order.posted >= _POSTED_MAX:
            order.void = True
            self.counts["files given up"] += 1
        elif late or (order.posted_at is None and order.file_until <= clock.stamp()):
            self._open_form(order)
        elif order.posted_at is None:
            self._post(order)
        else:
            self._ask_for_quote(order)
        return bool(order.quoted)

    def _open_form(self, order: Order) -> None:
        wanted = {"purpose": "campaign", "sender_id": "INFO", "text": order.template}
        status, made = self._call(order.tenant, "/api/sms/uploads/", wanted)
        if status == 201:
            order.upload, order.file_key, order.posted_at = made["id"], made["fields"]["key"], None
            order.file_until = made["file_until"]
            self._post(order)

    def _post(self, order: Order) -> None:
        """Posts the file as its form says; S3 tells the splitter."""
        name = os.environ["CAMPAIGNS_BUCKET"]
        aws.s3().put_object(Bucket=name, Key=order.file_key, Body=order.file.encode())
        order.posted_at, order.posted = clock.now(), order.posted + 1
        self.counts["files posted"] += 1
        told = {"s3": {"bucket": {"name": name}, "object": {"key": order.file_key}}}
        self._queues.put("uploads", {"Records": [told]})

    def _ask_for_quote(self, order: Order) -> None:
        status, upload = self.world.call("GET", f"/api/sms/uploads/{order.upload}/", token=self._tokens[order.tenant])
        self.counts[f"upload {upload.get('state')}"] += 1
        if status == 200 and upload["state"] == "ready":
            order.quoted = upload["price"]

    def _lead(self) -> None:
        if not (sent := [order for order in self.orders if order.id]):
            return
        # Mostly one of the last: those before are over.
        order, verb = self._dice.choice(sent[-12:]), self._dice.choice(_VERBS)
        path = f"/api/sms/batches/{order.id}/"
        if verb in {"resume", "move"}:
            order.stops = [stop.ended(self._processes.serial) for stop in order.stops]
        later = clock.after(self._dice.randrange(600, 72_000))
        if verb == "move":
            status, body = self._call(order.tenant, path, {"send_at": later}, method="PATCH")
        else:
            status, body = self._call(order.tenant, f"{path}{verb}/")
        assert status in {200, 409, 500, 503}, body
        self.counts[f"{verb} {status}"] += 1
        if status == 200 and verb != "resume":
            before = clock.parse(later) if verb == "move" else None
            order.stops.append(Stop(self._processes.serial, for_good=verb == "cancel", before=before))

    def _opt_out(self) -> None:
        if not (sent := [order for order in self.orders if order.id]):
            return
        order = self._dice.choice(sent[-12:])
        digits = self._dice.choice(list(order.names))
        self.perhaps_out.add((order.tenant, digits))
        began = self._processes.current.serial
        since = None
        try:
            status, body = self._call(order.tenant, "/api/sms/opt-outs/", {"phone": f"+{digits}"})
            assert status in {201, 404, 500, 503}, body
            self.counts[f"opt out {status}"] += 1
            since = self._processes.serial if status == 201 else None
        finally:
            self.outs.append(OptOut(order.tenant, digits, began, clock.now(), since))

    def let_all_go_on(self) -> None:
        """Resumes whatever is paused."""
        for order in self.orders:
            if order.id and self._status(order) == "paused":
                order.stops = [stop.ended(self._processes.serial) for stop in order.stops]
                self._call(order.tenant, f"/api/sms/batches/{order.id}/resume/")

    def _status(self, order: Order) -> str:
        status, body = self.world.call("GET", f"/api/sms/batches/{order.id}/", token=self._tokens[order.tenant])
        assert status == 200, body
        found: str = body["status"]
        return found

    def _own(self, tenant: TenantId, name: str) -> None:
        wanted = {"name": name, "purpose": "Taarifa kwa wateja", "sample": "Habari"}
        status, made = self._call(tenant, "/api/sms/sender-ids/", wanted)
        assert status == 201, made
        staff = token(tenant="p", role="staff", expires_in_s=_YEARS_S)
        status, made = self.world.call("POST", f"/api/admin/sms/sender-ids/{made['id']}/approve/", token=staff)
        assert status == 200, made

    def _template(self, tenant: TenantId) -> str:
        wanted = {"name": "Habari", "category": "transactional", "body": "Habari {{name}}{{rest}}"}
        status, made = self._call(tenant, "/api/sms/templates/", wanted)
        assert status == 201, made
        made_id: str = made["id"]
        return made_id

    def _call(
        self, tenant: TenantId, path: str, body: Any = None, key: str = "", *, method: str = "POST"
    ) -> tuple[int, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        return self.world.call(method, path, body, headers=headers, token=self._tokens[tenant])
