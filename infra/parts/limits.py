"""Limits: how many requests a minute a door lets through, as its functions read them from the environment."""

from infra.stage import Stage


def rates(stage: Stage) -> dict[str, str]:
    """The environment of every door that has callers."""
    return {
        "REQUESTS_PER_IP": str(stage.requests_per_ip),
        "REQUESTS_PER_TENANT": str(stage.requests_per_tenant),
        "REQUESTS_PER_KEY": str(stage.requests_per_key),
    }
