"""The Service stack: all that can be thrown away and deployed again without losing data."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.data import Data
from infra.parts.alarms import Alerts
from infra.parts.api import Api
from infra.parts.bucket import Bucket
from infra.parts.emulator import synthesizer
from infra.parts.house import House
from infra.parts.layer import CommonLayer
from infra.parts.queue import Queue
from infra.slices.auth import ANNOUNCER_TIMEOUT_S, Auth
from infra.slices.billing import Billing
from infra.slices.sms import Sms
from infra.slices.webhooks import Webhooks
from infra.stage import Stage

_EXPORT_DAYS = 7  # functions/auth/exports.py tells people so
_CAMPAIGN_DAYS = 9  # what is parked until there are credits, a week at most, is laid out from them


class Service(Stack):
    def __init__(self, scope: Construct, name: str, *, stage: Stage, data: Data) -> None:
        super().__init__(
            scope,
            name,
            description=f"Mifumo SMS ({stage.name}): API, functions and queues",
            env=Environment(account=stage.account, region=stage.region),
            synthesizer=synthesizer(stage),
        )
        alerts = Alerts(self, "Alerts", stage=stage)
        house = House(
            stage=stage,
            layer=CommonLayer(self, "Common", stage=stage),
            api=Api(self, "Http", stage=stage, alerts=alerts),
            alerts=alerts,
        )
        announcements = Queue(self, "Announcements", house=house, consumer_timeout_s=ANNOUNCER_TIMEOUT_S)
        exports = Bucket(
            self, "Exports", stage=stage, days=_EXPORT_DAYS, holds="an export's file, named by tenant and export"
        )
        campaigns = Bucket(
            self,
            "Campaigns",
            stage=stage,
            days=_CAMPAIGN_DAYS,
            holds="an uploaded file, a part of a campaign or its results, named by tenant and plan",
        )
        sms = Sms(
            self,
            "Sms",
            house=house,
            data=data,
            exports=exports,
            campaigns=campaigns,
            announcements=announcements,
        )
        billing = Billing(
            self, "Billing", house=house, data=data, exports=exports, parked=sms.parked, announcements=announcements
        )
        auth = Auth(
            self,
            "Auth",
            house=house,
            data=data,
            exports=exports,
            notices=sms.notices,
            announcements=announcements,
            privacies=[sms.privacy, billing.privacy],
        )
        webhooks = Webhooks(self, "Webhooks", house=house, data=data, receipts=sms.receipts, payments=billing.payments)

        for output, value in {
            "ApiId": house.api.api_id,
            "ApiUrl": house.api.url,
            "AlertsTopic": alerts.topic.topic_arn,
            "ExportsBucket": exports.bucket_name,
            "CampaignsBucket": campaigns.bucket_name,
            "UrgentQueueUrl": sms.urgent.url,
            "UrgentDeadQueueUrl": sms.urgent.dead_url,
            "BulkQueueUrl": sms.bulk.url,
            "BulkDeadQueueUrl": sms.bulk.dead_url,
            "NoticesQueueUrl": sms.notices.url,
            "NoticesDeadQueueUrl": sms.notices.dead_url,
            "AnnouncementsQueueUrl": announcements.url,
            "AnnouncementsDeadQueueUrl": announcements.dead_url,
            "AuthPrivacyQueueUrl": auth.privacy.queue.url,
            "AuthPrivacyDeadQueueUrl": auth.privacy.queue.dead_url,
            "SmsPrivacyQueueUrl": sms.privacy.queue.url,
            "SmsPrivacyDeadQueueUrl": sms.privacy.queue.dead_url,
            "BillingPrivacyQueueUrl": billing.privacy.queue.url,
            "BillingPrivacyDeadQueueUrl": billing.privacy.queue.dead_url,
            "ParkedQueueUrl": sms.parked.url,
            "ParkedDeadQueueUrl": sms.parked.dead_url,
            "StartsQueueUrl": sms.starts.url,
            "StartsDeadQueueUrl": sms.starts.dead_url,
            "LayingQueueUrl": sms.laying.url,
            "LayingDeadQueueUrl": sms.laying.dead_url,
            "ResultsQueueUrl": sms.results.url,
            "ResultsDeadQueueUrl": sms.results.dead_url,
            "UploadsQueueUrl": sms.uploads.url,
            "UploadsDeadQueueUrl": sms.uploads.dead_url,
            "HooksQueueUrl": sms.hooks.url,
            "HooksDeadQueueUrl": sms.hooks.dead_url,
            "ReceiptsQueueUrl": sms.receipts.url,
            "ReceiptsDeadQueueUrl": sms.receipts.dead_url,
            "PaymentsQueueUrl": billing.payments.url,
            "PaymentsDeadQueueUrl": billing.payments.dead_url,
            "AuthApiFunction": auth.api.function_name,
            "AuthAnnouncerFunction": auth.announcer.function_name,
            "AuthPrivacyFunction": auth.privacy.worker.function_name,
            "AuthSweepFunction": auth.sweep.function_name,
            "SmsApiFunction": sms.api.function_name,
            "SmsWorkerFunction": sms.worker.function_name,
            "SmsReceiptsFunction": sms.receiver.function_name,
            "SmsCheckupFunction": sms.checkup.function_name,
            "SmsSweepFunction": sms.sweep.function_name,
            "SmsResumerFunction": sms.resumer.function_name,
            "SmsLayerFunction": sms.layer.function_name,
            "SmsStarterFunction": sms.starter.function_name,
            "SmsScribeFunction": sms.scribe.function_name,
            "SmsSplitterFunction": sms.splitter.function_name,
            "SmsHooksFunction": sms.teller.function_name,
            "SmsNoticesFunction": sms.notifier.function_name,
            "SmsPrivacyFunction": sms.privacy.worker.function_name,
            "BillingApiFunction": billing.api.function_name,
            "BillingWorkerFunction": billing.worker.function_name,
            "BillingSweepFunction": billing.sweep.function_name,
            "BillingPrivacyFunction": billing.privacy.worker.function_name,
            "BillingNightlyFunction": billing.nightly.function_name,
            "BillingReconcilingFunction": billing.reconciling.function_name,
            "BillingInvoicingFunction": billing.invoicing.function_name,
            "BillingPrintingFunction": billing.printing.function_name,
            "WebhooksApiFunction": webhooks.api.function_name,
        }.items():
            CfnOutput(self, output, value=value)
