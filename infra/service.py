"""The Service stack: all that can be thrown away and deployed again without losing data."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.data import Data
from infra.parts.alarms import Alerts
from infra.parts.api import Api
from infra.parts.emulator import synthesizer
from infra.parts.house import House
from infra.parts.layer import CommonLayer
from infra.slices.auth import Auth
from infra.slices.billing import Billing
from infra.slices.sms import Sms
from infra.slices.webhooks import Webhooks
from infra.stage import Stage


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
        sms = Sms(self, "Sms", house=house, data=data)
        auth = Auth(self, "Auth", house=house, data=data, notices=sms.notices)
        billing = Billing(self, "Billing", house=house, data=data, parked=sms.parked, announcements=auth.announcements)
        webhooks = Webhooks(self, "Webhooks", house=house, data=data, receipts=sms.receipts, payments=billing.payments)

        for output, value in {
            "ApiId": house.api.api_id,
            "ApiUrl": house.api.url,
            "AlertsTopic": alerts.topic.topic_arn,
            "UrgentQueueUrl": sms.urgent.url,
            "UrgentDeadQueueUrl": sms.urgent.dead_url,
            "BulkQueueUrl": sms.bulk.url,
            "BulkDeadQueueUrl": sms.bulk.dead_url,
            "NoticesQueueUrl": sms.notices.url,
            "NoticesDeadQueueUrl": sms.notices.dead_url,
            "AnnouncementsQueueUrl": auth.announcements.url,
            "AnnouncementsDeadQueueUrl": auth.announcements.dead_url,
            "ParkedQueueUrl": sms.parked.url,
            "ParkedDeadQueueUrl": sms.parked.dead_url,
            "ReceiptsQueueUrl": sms.receipts.url,
            "ReceiptsDeadQueueUrl": sms.receipts.dead_url,
            "PaymentsQueueUrl": billing.payments.url,
            "PaymentsDeadQueueUrl": billing.payments.dead_url,
            "AuthApiFunction": auth.api.function_name,
            "AuthAnnouncerFunction": auth.announcer.function_name,
            "SmsApiFunction": sms.api.function_name,
            "SmsWorkerFunction": sms.worker.function_name,
            "SmsReceiptsFunction": sms.receiver.function_name,
            "SmsSweepFunction": sms.sweep.function_name,
            "SmsResumerFunction": sms.resumer.function_name,
            "SmsNoticesFunction": sms.notifier.function_name,
            "BillingApiFunction": billing.api.function_name,
            "BillingWorkerFunction": billing.worker.function_name,
            "BillingSweepFunction": billing.sweep.function_name,
            "BillingNightlyFunction": billing.nightly.function_name,
            "BillingInvoicingFunction": billing.invoicing.function_name,
            "WebhooksApiFunction": webhooks.api.function_name,
        }.items():
            CfnOutput(self, output, value=value)
