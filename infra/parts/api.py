"""The HTTP API: one front for all doors, throttled, logged, and open to the configured origins only."""

import json

import jsii
from aws_cdk import Duration, Stack, Tags
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.nag import acknowledge
from infra.parts.alarms import Alerts
from infra.parts.emulator import API_ID
from infra.parts.logs import LogGroup
from infra.stage import Stage

_REQUEST_HEADERS = ["Authorization", "Content-Type", "Idempotency-Key", "Mifumo-Session", "X-Request-Id"]
_ANSWER_HEADERS = [
    "Idempotency-Key",
    "Idempotent-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
]
_METHODS = ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"]
# The route, not the path: a callback's path holds its token.
_ACCESS_LOG = {
    "request_id": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "error": "$context.error.message",
    "integration_error": "$context.integrationErrorMessage",
}


class Api(Construct):
    def __init__(self, scope: Construct, name: str, *, stage: Stage, alerts: Alerts) -> None:
        super().__init__(scope, name)
        self._integrations: dict[str, integrations.HttpLambdaIntegration] = {}
        self._api = apigatewayv2.HttpApi(
            self,
            "Api",
            api_name=Stack.of(self).stack_name,
            create_default_stage=False,
            cors_preflight=_cors(stage),
        )
        if stage.emulated:
            Tags.of(self._api).add("ms-custom-id", API_ID)
        live = apigatewayv2.HttpStage(
            self,
            "Live",
            http_api=self._api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=stage.api_rate, burst_limit=stage.api_burst),
            access_log_settings=_AccessLog(LogGroup(self, "AccessLogs", stage=stage)),
        )
        alerts.on(
            live.metric_server_error(period=Duration.minutes(1)),
            scope=self,
            above=0,
            meaning="the API has answered with a 5xx",
        )
        self.api_id = self._api.api_id
        self.url = self._api.api_endpoint

    def route(self, path: str, function: lambda_.Function) -> None:
        """Sends every method of the path to the function; `$default` takes what no other route takes."""
        integration = self._integrations.setdefault(function.node.path, _integration(function))
        any_method = apigatewayv2.HttpMethod.ANY
        default = path == "$default"
        key = apigatewayv2.HttpRouteKey.DEFAULT if default else apigatewayv2.HttpRouteKey.with_(path, any_method)
        route = apigatewayv2.HttpRoute(
            self, f"Route {path.strip('/')}", http_api=self._api, route_key=key, integration=integration
        )
        acknowledge(
            route,
            "AwsSolutions-APIG4",
            "Doors authenticate callers themselves and deny by default: an authorizer of an HTTP API can't answer in "
            "our error format, turns an expired token into a 403 and costs a second function.",
        )


@jsii.implements(apigatewayv2.IAccessLogSettings)
class _AccessLog:
    def __init__(self, group: LogGroup) -> None:
        self._destination = apigatewayv2.LogGroupLogDestination(group)

    @property
    def destination(self) -> apigatewayv2.IAccessLogDestination:
        return self._destination

    @property
    def format(self) -> apigateway.AccessLogFormat:
        return apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG))


def _integration(function: lambda_.Function) -> integrations.HttpLambdaIntegration:
    return integrations.HttpLambdaIntegration(
        f"{function.node.id}Integration",
        function,
        payload_format_version=apigatewayv2.PayloadFormatVersion.VERSION_2_0,
        scope_permission_to_route=False,  # one permission per function, whatever the number of its routes
    )


def _cors(stage: Stage) -> apigatewayv2.CorsPreflightOptions:
    return apigatewayv2.CorsPreflightOptions(
        allow_origins=list(stage.cors_origins),
        allow_credentials=True,  # the cookie of a browser session; origins, headers and methods are therefore named
        allow_methods=[apigatewayv2.CorsHttpMethod[method] for method in _METHODS],
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_ANSWER_HEADERS,
        max_age=Duration.hours(1),
    )
