"""Prices: AWS's list prices in us-east-1 and what is assumed where a price needs a duration. No free tier, no discount.

Written down on 2026-11-24 from the pages named at each price, as read between 2025-07 and 2026-11. af-south-1, where
the stages are deployed, is some 20 to 35 % dearer.
"""

from typing import Final

AS_OF: Final = "2026-11-24"
REGION: Final = "us-east-1"
_MILLION: Final = 1_000_000
_GB: Final = 1_000_000_000

# aws.amazon.com/dynamodb/pricing/on-demand (halved in November 2024)
WRITE_UNIT: Final = 0.625 / _MILLION
READ_UNIT: Final = 0.125 / _MILLION
# aws.amazon.com/dynamodb/pricing: standard class, and continuous backups for point-in-time recovery
STORED_GB_MONTH: Final = 0.25 + 0.20
# DynamoDB's guide: each item, and each of its index entries, is stored with 100 bytes more than its size
STORED_OVERHEAD_BYTES: Final = 100
# aws.amazon.com/sqs/pricing: standard queue, each 64 KB a request; fair queues cost a tenth of a dollar more
QUEUE_REQUEST: Final = 0.40 / _MILLION
FAIR_REQUEST: Final = 0.10 / _MILLION
# aws.amazon.com/s3/pricing: standard class
OBJECT_PUT: Final = 5.00 / _MILLION
OBJECT_GET: Final = 0.40 / _MILLION
# aws.amazon.com/lambda/pricing
INVOCATION: Final = 0.20 / _MILLION
GB_SECOND: Final = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
# aws.amazon.com/api-gateway/pricing: HTTP API, first 300 million, units of 512 KB
HTTP_REQUEST: Final = 1.00 / _MILLION
# aws.amazon.com/cloudwatch/pricing: standard class; each event is billed with 26 bytes more than its text
LOG_BYTE: Final = 0.50 / _GB
LOG_EVENT_BYTES: Final = 26
# aws.amazon.com/xray/pricing: a recorded trace. Lambda records five per cent of a busy function's invocations, and
# that share cannot be configured (Lambda guide, "Visualize Lambda function invocations using AWS X-Ray")
TRACE: Final = 5.00 / _MILLION
TRACED_SHARE: Final = 0.05
# aws.amazon.com/ec2/pricing/on-demand, "Data transfer out to the internet", first 10 TB
BYTE_OUT: Final = 0.09 / _GB

# What the platform writes to the log for each invocation, as JSON, unless the system level is WARN.
# docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html; ids and figures of the usual length.
PLATFORM_LINES: Final = (
    (
        '{"time":"2026-11-24T09:00:00.000Z","type":"platform.start","record":{"requestId":'
        '"6d68ca91-49c9-448d-89b8-7ca3e6dc66aa","version":"$LATEST"}}'
    ),
    (
        '{"time":"2026-11-24T09:00:00.000Z","type":"platform.report","record":{"requestId":'
        '"6d68ca91-49c9-448d-89b8-7ca3e6dc66aa","metrics":{"durationMs":12.345,"billedDurationMs":13,"memorySizeMB":256,'
        '"maxMemoryUsedMB":96},"tracing":{"spanId":"1f2e3d4c5b6a7980","type":"X-Amzn-Trace-Id","value":'
        '"Root=1-67444d80-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1"},"status":"success"}}'
    ),
)

# Milliseconds of our own work in one invocation on a whole processor, rounded up from what the bench measures (it
# prints both). Lambda gives a function memory/1769 of a processor, so 256 MB take seven times as long.
OWN_MS: Final = {
    "functions.sms.api.handler": 15.0,
    "functions.sms.worker.handler": 20.0,
    "functions.sms.receipts.handler": 80.0,
    "functions.webhooks.api.handler": 1.0,
    "functions.sms.hooks_worker.handler": 6.0,
}
WHOLE_PROCESSOR_MB: Final = 1769
# Messages that a poller receives, and deletes, with one request.
RECEIVED_MAX = 10
# A call to DynamoDB or SQS within the region, as the published warm runs show it (two calls in 11.5 to 16 ms of
# function time), and a call to Beem, which nobody has published.
AWS_CALL_MS: Final = 5.0
PROVIDER_CALL_MS: Final = 300.0
# A customer's system somewhere on the internet, resolved, greeted by TLS and waited for.
CUSTOMER_CALL_MS: Final = 300.0
