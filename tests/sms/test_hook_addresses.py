"""Where customers may have us call: public addresses, looked at before every call, and called as they were seen."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from functions.sms.hooks import addresses, outbound
from functions.sms.hooks.addresses import UrlRefused
from mifumo import settings
from tests.sms.customer import Customer

_REFUSED = {
    "loopback": ["127.0.0.1", "127.8.8.8", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 # refused, not bound to
    "metadata and link-local": ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fec0::1"],
    "carriers' own": ["100.64.0.1", "100.127.255.255"],
    "multicast and broadcast": ["224.0.0.1", "239.1.1.1", "255.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"],
    "IPv4 inside IPv6": ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "2002:7f00:1::", "2001:0:7f00:1::1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"],
    "nonsense": ["", "not an address", "1.2.3", "0x7f.1"],
}
_PUBLIC = ["8.8.8.8", "196.41.32.10", "41.59.0.1", "2606:4700:4700::1111", "2c0f:f248::1"]


@pytest.fixture(autouse=True)
def aws_stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lives in a stage that calls public addresses alone, with a second's patience."""
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "False")
    monkeypatch.setenv("HOOK_TIMEOUT_S", "0.5")
    settings.forget()
    yield
    settings.forget()


@pytest.mark.parametrize("address", [one for family in _REFUSED.values() for one in family])
def test_an_address_that_is_not_public_is_not_called(address: str) -> None:
    assert addresses.may_be_called(address) is False


@pytest.mark.parametrize("address", _PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert addresses.may_be_called(address) is True


@given(st.ip_addresses(v=4))
def test_an_address_in_a_coat_of_ipv6_is_never_called(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    coats = [f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}"]
    coats += [f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1", f"2001:0:{number >> 16:x}:{number & 0xFFFF:x}::"]
    assert not any(addresses.may_be_called(coat) for coat in coats)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_called(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if addresses.may_be_called(str(address)):
        assert address.is_global
        kinds = (address.is_private, address.is_loopback, address.is_link_local, address.is_multicast)
        assert not any(kinds)


@pytest.mark.parametrize(
    "url",
    [
        "http://duka.example/hooks",
        "ftp://duka.example/",
        "file:///etc/passwd",
        "gopher://duka.example/",
        "data:text/plain,duka",
        "javascript:duka",
        "//duka.example/",
        "https://",
        "https:///hooks",
        "https://user:word@duka.example/",
        "https://@duka.example/",
        "https://duka.example/#part",
        "https://duka.example:0/",
        "https://duka.example:99999/",
        "https://duka.example:x/",
        "https://duka.example:22/",
        "https://duka.example:25/",
        "https://duka.example:53/",
        "https://duka.example:80/",
        "https://duka.example:1023/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://duka.example/\r\nHost: other",
        "https://duka.example/a b",
        "https://duka.example\\@127.0.0.1/",
        "https://dukа.example/",
        "https://duka.example/" + "a" * 500,
        "",
    ],
)
def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        addresses.parse(url)
    assert refused.value.errors[0].pointer == "/url"
    # What was let in once, by a laptop or by another version, is not called either.
    assert outbound.post(url, b"{}", {}).error == "address_not_public"


@pytest.mark.parametrize("url", ["https://dukа.example/", "https://bücher.example/", "https://duka.example/über"])
def test_who_writes_letters_of_their_own_is_told_how_to_write_them(url: str) -> None:
    with pytest.raises(UrlRefused, match="punycode"):
        addresses.parse(url)


def test_a_name_in_punycode_is_called_as_it_is_written() -> None:
    assert addresses.parse("https://xn--bcher-kva.example/").host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://duka.example/", 443),
        ("https://duka.example:443/", 443),
        ("https://duka.example:8443/", 8443),
        ("https://duka.example:1024/", 1024),
        ("https://duka.example:65535/", 65_535),
    ],
)
def test_the_port_of_https_and_those_that_anybody_may_open_are_called(url: str, port: int) -> None:
    assert addresses.parse(url).port == port


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"],
)
def test_a_url_of_a_private_address_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(UrlRefused):
        addresses.require(f"https://{host}/hooks")


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "lookup", lambda host, port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(UrlRefused):
        addresses.require("https://duka.example/")


def test_a_name_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UrlRefused, match="not known"):
        addresses.require("https://duka.example/")
    assert outbound.post("https://duka.example/", b"{}", {}).error == "name_not_known"


def test_a_name_server_that_does_not_answer_ends_a_call_with_its_time(tarpit: list[str]) -> None:
    outcome = outbound.post("https://duka.example/", b"{}", {})
    assert (outcome.status, outcome.error) == (None, "timeout")
    assert tarpit == ["duka.example"]


def test_what_the_look_up_takes_is_not_there_for_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    left_s = list[float]()

    def slowly(host: str, port: int) -> list[str]:
        threading.Event().wait(0.1)
        return ["8.8.8.8"]

    def connect(address: tuple[str, int], *, timeout: float) -> None:
        left_s.append(timeout)
        raise ConnectionRefusedError

    monkeypatch.setattr(addresses, "lookup", slowly)
    monkeypatch.setattr(socket, "create_connection", connect)
    assert outbound.post("https://duka.example/", b"{}", {}).error == "no_answer"
    assert 0 < left_s[0] <= 0.4


def test_a_call_names_the_host_and_not_the_address_that_it_goes_to(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "True")
    settings.forget()
    monkeypatch.setattr(addresses, "lookup", lambda host, port: ["127.0.0.1"])
    port = customer.url.split(":")[2].split("/")[0]
    assert outbound.post(f"http://duka.example:{port}/hooks", b"{}", {}).status == 204
    assert customer.calls[0].headers["host"] == f"duka.example:{port}"


def test_an_answer_is_its_status_however_long_it_goes_on(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "True")
    settings.forget()
    customer.answers.append((200, {"Content-Length": "9999999999"}))
    outcome = outbound.post(customer.url, b"{}", {})
    assert (outcome.status, outcome.error) == (200, None)


@pytest.mark.parametrize(
    "headers", [{"X-Long": "a" * 70_000}, {f"X-{n}": "a" for n in range(120)}], ids=["a long line", "many lines"]
)
def test_an_answer_with_more_headers_than_anybody_reads_is_illegible(
    customer: Customer, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "True")
    settings.forget()
    customer.answers.append((200, headers))
    outcome = outbound.post(customer.url, b"{}", {})
    assert (outcome.status, outcome.error) == (None, "answer_illegible")


def test_a_name_whose_answer_has_become_private_is_not_called(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was public when it was registered leads to the loopback now."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    monkeypatch.setattr(addresses, "lookup", lambda host, port: next(answers))
    port = customer.url.split(":")[2].split("/")[0]
    addresses.require(f"https://duka.example:{port}/")
    outcome = outbound.post(f"https://duka.example:{port}/", b"{}", {})
    assert (outcome.status, outcome.error) == (None, "address_not_public")
    assert customer.calls == []


def test_a_call_asks_the_resolver_once_and_goes_to_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, reached = [], []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8"] if len(asked) == 1 else ["127.0.0.1"]

    def connect(address: tuple[str, int], **_: object) -> None:
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(addresses, "lookup", lookup)
    monkeypatch.setattr(socket, "create_connection", connect)
    assert outbound.post("https://duka.example:8443/", b"{}", {}).error == "no_answer"
    assert asked == ["duka.example"]
    assert reached == [("8.8.8.8", 8443)]


def test_a_laptop_may_be_called_on_the_loopback_and_nowhere_else(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "True")
    settings.forget()
    assert outbound.post(customer.url, b"{}", {}).status == 204
    assert customer.calls[0].path == "/hooks?of=duka"
    for refused in ("http://10.0.0.1/", "http://169.254.169.254/", "http://[::1]/"):
        assert outbound.post(refused, b"{}", {}).error == "address_not_public"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(
    customer: Customer, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "True")
    settings.forget()
    customer.answers.append((status, {"Location": customer.url}))
    assert outbound.post(customer.url, b"{}", {}).status == status
    assert len(customer.calls) == 1


@pytest.mark.parametrize("drip", [False, True])
def test_a_system_that_takes_its_time_is_cut_off(
    customer: Customer, drip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "True")
    settings.forget()
    customer.silent_s, customer.drip = (0, True) if drip else (2, False)
    outcome = outbound.post(customer.url, b"{}", {})
    assert (outcome.status, outcome.error) == (None, "timeout")
    assert outcome.took_ms < 1_500


def test_a_port_where_nobody_listens_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "True")
    settings.forget()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert outbound.post(f"http://127.0.0.1:{port}/", b"{}", {}).error == "no_answer"


def _certificate(name: str, folder: Path) -> tuple[Path, Path]:
    """Makes a certificate for a name; returns its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


@pytest.fixture
def heard() -> list[str]:
    """Lists the hosts that callers over TLS have named."""
    return []


@pytest.fixture
def tls_port(tmp_path: Path, heard: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Serves duka.example over TLS on the loopback, with a certificate that is trusted here."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.headers["Host"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            """A caller that does not trust us is what a test is about."""

    certificate, private = _certificate("duka.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HOOKS_TO_LOOPBACK", "True")
    settings.forget()
    monkeypatch.setattr(addresses, "lookup", lambda host, port: ["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(outbound, "_tls", lambda: trusting)
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_call_over_tls_names_the_host_as_well(tls_port: int, heard: list[str]) -> None:
    assert outbound.post(f"https://duka.example:{tls_port}/", b"{}", {}).status == 200
    assert heard == [f"duka.example:{tls_port}"]


def test_the_certificate_must_be_that_of_the_name_though_the_address_is_called(tls_port: int) -> None:
    assert outbound.post(f"https://duka.example:{tls_port}/", b"{}", {}).status == 200
    assert outbound.post(f"https://other.example:{tls_port}/", b"{}", {}).error == "tls_failed"


def test_a_certificate_that_nobody_trusts_ends_the_call(tls_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_tls", ssl.create_default_context)
    assert outbound.post(f"https://duka.example:{tls_port}/", b"{}", {}).error == "tls_failed"


def test_our_own_context_verifies_names_and_speaks_no_old_version() -> None:
    context = outbound._tls()
    assert context.check_hostname is True
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
