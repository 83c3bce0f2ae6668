"""The ports of the local cloud, all on the loopback interface and all set by environment variables."""

import os
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass

_PORT_MAX = 65_535
_FREE_RANGE = range(15_000, 32_000)


class PortInvalidError(ValueError):
    """An environment variable holds something that is no port."""


@dataclass(frozen=True)
class Ports:
    cloud: int = 4566
    front: int = 8080
    beem: int = 8081
    zenopay: int = 8082
    pawapay: int = 8083
    clickpesa: int = 8084

    @property
    def environment(self) -> dict[str, str]:
        """As the CDK app and the daemon read them."""
        return {
            "CLOUD_PORT": str(self.cloud),
            "FRONT_PORT": str(self.front),
            "BEEM_PORT": str(self.beem),
            "ZENOPAY_PORT": str(self.zenopay),
            "PAWAPAY_PORT": str(self.pawapay),
            "CLICKPESA_PORT": str(self.clickpesa),
        }

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.cloud}"

    @property
    def front_url(self) -> str:
        """For people and browsers."""
        return f"http://localhost:{self.front}"

    @property
    def public_url(self) -> str:
        """For the providers' callbacks: the address itself, as a name may mean IPv6 first."""
        return f"http://127.0.0.1:{self.front}"


def free_port() -> int:
    """A port that nobody has now, below those that the system hands out to connections of its own accord."""
    for port in random.sample(_FREE_RANGE, 100):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise PortInvalidError(f"no port is free between {_FREE_RANGE.start} and {_FREE_RANGE.stop}")


def from_environment(environment: Mapping[str, str] = os.environ) -> Ports:
    standard = Ports()
    return Ports(
        cloud=_port(environment, "CLOUD_PORT", standard.cloud),
        front=_port(environment, "FRONT_PORT", standard.front),
        beem=_port(environment, "BEEM_PORT", standard.beem),
        zenopay=_port(environment, "ZENOPAY_PORT", standard.zenopay),
        pawapay=_port(environment, "PAWAPAY_PORT", standard.pawapay),
        clickpesa=_port(environment, "CLICKPESA_PORT", standard.clickpesa),
    )


def _port(environment: Mapping[str, str], name: str, standard: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return standard
    if not text.isdecimal() or not 1 <= int(text) <= _PORT_MAX:
        raise PortInvalidError(f"{name}={text!r} is no port: give a number from 1 to {_PORT_MAX}")
    return int(text)
