"""Every handler string leads to a handler that lives on its own bundle, the layer and its declared environment."""

from pathlib import Path

import pytest

from infra.parts.bundle import part_of
from tests.infra.bundles import SLICES, environments, link_runtime, run_alone

HANDLERS = sorted(environments())

_IMPORT = """
import importlib, json
from importlib.util import find_spec
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
others = [one for one in sys.argv[2:] if find_spec("functions." + one)]
print(json.dumps({"callable": callable(handler), "others": others, "modules": sorted(sys.modules)}))
"""

_SETTINGS = """
import importlib, json
importlib.import_module(sys.argv[1].rpartition(".")[0])
from mifumo.settings import Settings
def below(cls):
    for one in cls.__subclasses__():
        yield one
        yield from below(one)
found = {}
for one in below(Settings):
    try:
        found[one.__module__ + "." + one.__qualname__] = bool(one.load())
    except ValueError as error:
        found[one.__module__ + "." + one.__qualname__] = str(error)
print(json.dumps(found))
"""

_PRINT = """
import json
from functions.billing.documents import Document, Kind
from functions.billing.printing import paper
at = "2026-01-31T09:31:00.000Z"
seller = {"name": "Mifumo Labs", "tin": "", "vrn": ""}
money = {"credits": 5000, "net": 127119, "vat": 22881, "vat_rate": 1800, "total": 150000, "currency": "TZS"}
pdf = paper.pdf(Document("d", "INV-2026-000001", Kind.INVOICE, "t1", "p", at, at, seller, "Asha", "Credits", **money))
print(json.dumps({"begins": pdf[:8].decode(), "pictures": "PIL" in sys.modules}))
"""


# Settings that come along with an import and are never loaded: what a function must not do, it needs no variable for.
_NEVER_LOADED = {
    # makes no offer, and refuses none
    "functions.billing.privacy.handler": {"functions.billing.bank.BankSettings"},
    # answers nobody, and lists with places of its own
    "functions.auth.privacy.handler": {"mifumo.callers.SigningSettings"},
    # has no callers
    "functions.auth.sweep.handler": {"mifumo.callers.SigningSettings"},
    # reads the queue and never writes to it; sender IDs, which it resolves, bring what a request about them needs, and
    # orders what those of many texts and repeats need
    "functions.sms.notices.handler": {
        "functions.sms.charges.allowance.TrialSettings",
        "functions.sms.batches.laying.LayingSettings",
        "functions.sms.timing.schedules.ScheduleSettings",
        "functions.sms.plans.parts.CampaignSettings",
        "functions.sms.sending.sent.SentSettings",
        "mifumo.quotes.QuoteSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
        "mifumo.notices.NoticeSettings",
    },
    # reads its queue and never writes to it; memberships, which it looks up, bring what their doors need
    "functions.auth.announcer.handler": {
        "mifumo.announcements.AnnouncementSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
    },
    # waits for no report, answers nobody, tells no webhook, makes no offer, and deletes uploads of the table alone
    "functions.sms.privacy.handler": {
        "functions.sms.charges.owed.OwedSettings",
        "functions.sms.charges.allowance.TrialSettings",
        "functions.sms.plans.parts.CampaignSettings",
        "functions.sms.delivery.inbox.InboxSettings",
        "functions.sms.sending.accepting.LaneSettings",
        "functions.sms.pacing.pace.PaceSettings",
        "functions.sms.batches.window.WindowSettings",
        "functions.sms.hooks.hook_secrets.HookSecretSettings",
        "functions.sms.sending.sent.SentSettings",
        "functions.sms.hooks.telling.HookQueueSettings",
        "functions.sms.charges.top_ups.ConsoleSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
        "mifumo.quotes.QuoteSettings",
    },
    # answers nobody and calls no webhook: writes down for whom a phone's text is, that is whom its sender ID, or the
    # last text, belongs to
    "functions.sms.receipts.handler": {
        "functions.sms.hooks.hook_secrets.HookSecretSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
        "mifumo.notices.NoticeSettings",
        "mifumo.tenants.AccessSettings",
    },
    # sends in the name of those who parked it: has no callers itself
    "functions.sms.unpark.handler": {
        "functions.sms.charges.allowance.TrialSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
        "mifumo.quotes.QuoteSettings",
    },
    # hands over what was accepted: sender IDs, which it looks at again, bring what a request about them needs
    "functions.sms.worker.handler": {"mifumo.audit.AuditSettings", "mifumo.callers.SigningSettings"},
    # leads what was accepted, as the worker hands it over: what is parked is its tenant's to cancel
    "functions.sms.starter.handler": {
        "functions.sms.courses.parked.ParkingSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
    },
    # lays out what was quoted before
    "functions.sms.layer.handler": {"mifumo.quotes.QuoteSettings", "mifumo.wallets.LedgerSettings"},
    # measures texts as orders do, and knows nothing of who sends them, what they can pay and who asks
    "functions.sms.splitter.handler": {
        "functions.sms.charges.allowance.TrialSettings",
        "functions.sms.sending.accepting.LaneSettings",
        "functions.sms.pacing.pace.PaceSettings",
        "functions.sms.sending.sent.SentSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
        "mifumo.tenants.AccessSettings",
        "mifumo.wallets.LedgerSettings",
    },
    # finds uploads whose readers have died, and reads no file itself; puts deliveries off, and neither calls webhooks
    # nor changes them
    "functions.sms.sweep.handler": {
        "functions.sms.hooks.hook_secrets.HookSecretSettings",
        "functions.sms.plans.parts.CampaignSettings",
        "mifumo.announcements.AnnouncementSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
        "mifumo.quotes.QuoteSettings",
        "mifumo.tenants.AccessSettings",
    },
    # reads batches with those who ask for them, and has no callers, prices and turns to see to itself
    "functions.sms.scribe.handler": {
        "functions.sms.pacing.pace.PaceSettings",
        "mifumo.audit.AuditSettings",
        "mifumo.callers.SigningSettings",
        "mifumo.tenants.AccessSettings",
    },
    # webhooks, which it calls, bring what a request about them needs
    "functions.sms.hooks_worker.handler": {"mifumo.callers.SigningSettings", "mifumo.tenants.AccessSettings"},
    # has no callers: all of its routes are public
    "functions.webhooks.api.handler": {
        "mifumo.buckets.RateSettings",
        "mifumo.callers.SigningSettings",
        "mifumo.tenants.AccessSettings",
    },
}


@pytest.fixture(scope="session")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link_runtime(tmp_path_factory.mktemp("runtime"))


def test_the_template_names_the_handlers() -> None:
    assert HANDLERS == [
        "functions.auth.announcer.handler",
        "functions.auth.api.handler",
        "functions.auth.privacy.handler",
        "functions.auth.sweep.handler",
        "functions.billing.api.handler",
        "functions.billing.invoicing.handler",
        "functions.billing.nightly.handler",
        "functions.billing.printing.worker.handler",
        "functions.billing.privacy.handler",
        "functions.billing.reconciling.handler",
        "functions.billing.refresh.handler",
        "functions.billing.sweep.handler",
        "functions.billing.worker.handler",
        "functions.sms.api.handler",
        "functions.sms.checkup.handler",
        "functions.sms.hooks_worker.handler",
        "functions.sms.layer.handler",
        "functions.sms.notices.handler",
        "functions.sms.privacy.handler",
        "functions.sms.receipts.handler",
        "functions.sms.scribe.handler",
        "functions.sms.splitter.handler",
        "functions.sms.starter.handler",
        "functions.sms.sweep.handler",
        "functions.sms.unpark.handler",
        "functions.sms.worker.handler",
        "functions.webhooks.api.handler",
    ]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_from_its_bundle_and_the_layer_alone(handler: str, sdk: Path) -> None:
    own = handler.split(".")[1]
    others = [one for one in SLICES if one != own]
    # Importing reads no environment: none is given.
    seen = run_alone(_IMPORT, handler, *others, slice_name=own, part=part_of(handler), environment={}, sdk=sdk)
    assert seen["callable"] is True
    assert seen["others"] == []
    assert "aws_xray_sdk" not in seen["modules"]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_functions_environment_satisfies_every_setting_it_imports(handler: str, sdk: Path) -> None:
    own = handler.split(".")[1]
    environment = environments()[handler]
    found = run_alone(_SETTINGS, handler, slice_name=own, part=part_of(handler), environment=environment, sdk=sdk)
    assert found, "a function that reads no setting needs none of its variables"
    refused = {name: reason for name, reason in found.items() if reason is not True}
    assert set(refused) == _NEVER_LOADED.get(handler, set()), refused


def test_a_missing_variable_is_noticed(sdk: Path) -> None:
    handler = "functions.webhooks.api.handler"
    found = run_alone(_SETTINGS, handler, slice_name="webhooks", environment={}, sdk=sdk)
    assert "BEEM_SECRET" in found["functions.webhooks.proofs.CallbackSettings"]


def test_a_document_is_printed_by_its_bundle_and_the_layer_alone(sdk: Path) -> None:
    """What the library takes along for pictures is not there, and not missed."""
    printed = run_alone(_PRINT, slice_name="billing", part="printing", environment={}, sdk=sdk)
    assert printed == {"begins": "%PDF-1.4", "pictures": False}
