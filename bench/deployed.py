"""Deployed: what the synthesized template of an AWS stage says of functions and queues, so that no number is copied."""

from dataclasses import dataclass
from typing import Any

from bench import prices
from bench.meter import Index
from tests.infra.tables import definitions
from tests.infra.templates import template

STAGE = "prod"


@dataclass(frozen=True)
class Function:
    """One Lambda function as it is deployed."""

    memory_mb: int
    architecture: str
    traced: bool
    platform_lines: bool
    batch_size: int
    """How many messages one invocation takes; 0 when no queue feeds it."""

    @property
    def processor(self) -> float:
        """The share of a processor that comes with the memory."""
        return min(1.0, self.memory_mb / prices.WHOLE_PROCESSOR_MB)


def functions() -> dict[str, Function]:
    """Reads the functions, by handler."""
    resources = template(STAGE, "service")["Resources"]
    batches = {
        one["Properties"]["FunctionName"]["Ref"]: one["Properties"]["BatchSize"]
        for one in resources.values()
        if one["Type"] == "AWS::Lambda::EventSourceMapping"
    }
    return {
        one["Properties"]["Handler"]: _function(one["Properties"], batches.get(name, 0))
        for name, one in resources.items()
        if one["Type"] == "AWS::Lambda::Function" and one["Properties"]["Handler"].startswith("functions.")
    }


def indexes() -> dict[str, list[Index]]:
    """Reads each table's global indexes, by the name that the emulated table has."""
    return {
        variable.removesuffix("_TABLE").lower(): [
            Index.of(index) for index in properties.get("GlobalSecondaryIndexes", [])
        ]
        for variable, properties in definitions().items()
    }


def _function(properties: dict[str, Any], batch_size: int) -> Function:
    logging = properties.get("LoggingConfig", {})
    return Function(
        memory_mb=properties["MemorySize"],
        architecture=properties["Architectures"][0],
        traced=properties.get("TracingConfig", {}).get("Mode") == "Active",
        platform_lines=logging.get("SystemLogLevel", "INFO") != "WARN",
        batch_size=batch_size,
    )
