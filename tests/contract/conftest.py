"""Fixtures of the contract's tests: the document as the routes make it, and what it holds."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tools import openapi


class Operation(NamedTuple):
    """One operation of the document, with its place."""

    method: str
    path: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@pytest.fixture(scope="session")
def contract() -> dict[str, Any]:
    return openapi.document()


@pytest.fixture(scope="session")
def operations(contract: dict[str, Any]) -> list[Operation]:
    return list(_operations(contract))


def _operations(contract: dict[str, Any]) -> Iterator[Operation]:
    for path, item in contract["paths"].items():
        for method, content in item.items():
            yield Operation(method.upper(), path, content)
