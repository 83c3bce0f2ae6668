"""The HTTP API in the templates: every path to its slice, throttled, and open to known origins only."""

import json

from tests.infra.reading import every_stage, functions, properties, resources


@every_stage
def test_every_path_leads_to_its_slice(stage: str) -> None:
    integrations = resources(stage, "AWS::ApiGatewayV2::Integration")
    found = resources(stage, "AWS::Lambda::Function")
    led = {}
    for route in properties(stage, "AWS::ApiGatewayV2::Route"):
        integration = integrations[route["Target"]["Fn::Join"][1][1]["Ref"]]["Properties"]
        assert integration["PayloadFormatVersion"] == "2.0"
        led[route["RouteKey"]] = found[integration["IntegrationUri"]["Fn::GetAtt"][0]]["Properties"]["Handler"]
    assert led == {
        "$default": "functions.auth.api.handler",
        "ANY /api/admin/auth/{proxy+}": "functions.auth.api.handler",
        "ANY /api/admin/billing/{proxy+}": "functions.billing.api.handler",
        "ANY /api/admin/sms/{proxy+}": "functions.sms.api.handler",
        "ANY /api/auth/{proxy+}": "functions.auth.api.handler",
        "ANY /api/billing/{proxy+}": "functions.billing.api.handler",
        "ANY /api/docs": "functions.auth.api.handler",
        "ANY /api/docs/{proxy+}": "functions.auth.api.handler",
        "ANY /api/sms/{proxy+}": "functions.sms.api.handler",
        "ANY /api/tenant/{proxy+}": "functions.auth.api.handler",
        "ANY /api/webhooks/{proxy+}": "functions.webhooks.api.handler",
    }


@every_stage
def test_the_api_is_throttled_and_its_log_holds_no_path(stage: str) -> None:
    (live,) = properties(stage, "AWS::ApiGatewayV2::Stage")
    assert live["StageName"] == "$default"
    assert live["AutoDeploy"] is True
    assert live["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert live["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0
    logged = set(json.loads(live["AccessLogSettings"]["Format"]).values())
    assert "$context.routeKey" in logged
    assert "$context.path" not in logged  # a callback's path holds its token


@every_stage
def test_browsers_are_let_in_from_the_configured_origins_only(stage: str) -> None:
    (api,) = properties(stage, "AWS::ApiGatewayV2::Api")
    cors = api["CorsConfiguration"]
    assert cors["AllowOrigins"]
    assert not any("*" in origin for origin in cors["AllowOrigins"])
    assert cors["AllowCredentials"] is True
    assert not any("*" in cors[names] for names in ("AllowHeaders", "AllowMethods", "ExposeHeaders"))
    assert set(cors["AllowHeaders"]) == {
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "Mifumo-Session",
        "X-Request-Id",
    }
    assert {"Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id", "Idempotent-Replayed"} <= set(
        cors["ExposeHeaders"]
    )


def test_the_local_api_has_an_id_that_stays() -> None:
    (api,) = properties("local", "AWS::ApiGatewayV2::Api")
    assert len(api["Tags"]["ms-custom-id"]) == 8
    assert int(api["Tags"]["ms-custom-id"], 16)


def test_on_aws_providers_call_back_the_api_itself_unless_an_origin_is_named() -> None:
    api = next(iter(resources("prod", "AWS::ApiGatewayV2::Api")))
    variables = functions("prod")["functions.billing.api.handler"]["Environment"]["Variables"]
    assert variables["PUBLIC_URL"] == {"Fn::GetAtt": [api, "ApiEndpoint"]}
    local = functions("local")["functions.billing.api.handler"]["Environment"]["Variables"]
    assert local["PUBLIC_URL"] == "http://127.0.0.1:8080"
