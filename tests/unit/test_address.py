"""Socket addresses as people write them, and as people who mean harm do."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli.errors import RttpError
from rttp_cli.wire.address import DEFAULT_PORT, resolve


@pytest.fixture(scope="module", autouse=True)
def no_name_server() -> Iterator[None]:
    """Names other than localhost are refused by the C library itself: no test waits for a network."""
    ask = socket.getaddrinfo

    def offline(host: str, port: int, **options: Any) -> Any:
        return ask(host, port, flags=0 if host.lower() == "localhost" else socket.AI_NUMERICHOST, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", offline)
        yield


def refusal(text: str, *, any_port: bool = False) -> RttpError:
    with pytest.raises(RttpError) as refused:
        resolve(text, any_port=any_port)
    assert (refused.value.slug, refused.value.exit_code) == ("bad-target", 2)
    return refused.value


def test_the_default_port_is_rt_in_ascii() -> None:
    assert DEFAULT_PORT.to_bytes(2, "big") == b"RT"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", "127.0.0.1:21076"),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("127.0.0.1:65535", "127.0.0.1:65535"),
        ("127.0.0.1:00080", "127.0.0.1:80"),
        ("0.0.0.0:9", "0.0.0.0:9"),
        ("[127.0.0.1]:5", "127.0.0.1:5"),
        ("::1", "[::1]:21076"),
        ("[::1]", "[::1]:21076"),
        ("[::1]:5", "[::1]:5"),
        ("::", "[::]:21076"),
        ("2001:db8::7", "[2001:db8::7]:21076"),
        ("[2001:DB8:0:0::7]:443", "[2001:db8::7]:443"),
        ("::ffff:192.0.2.1", "[::ffff:192.0.2.1]:21076"),
    ],
)
def test_an_address_is_read_with_and_without_a_port(text: str, address: str) -> None:
    assert resolve(text) == address


@pytest.mark.parametrize(("text", "port"), [("localhost", 21076), ("localhost:7", 7), ("LOCALHOST:7", 7)])
def test_a_name_becomes_an_address(text: str, port: int) -> None:
    assert resolve(text) in {f"127.0.0.1:{port}", f"[::1]:{port}"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":1",
        "[]",
        "[]:1",
        "[",
        "[::1",
        "[::1]5",
        "[::1]x",
        "[::1]:",
        "[::1]:x",
        "[::1]:0",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:99999999999999999999",
        "127.0.0.1:-1",
        "127.0.0.1:+5",
        "127.0.0.1: 5",
        "127.0.0.1:5 ",
        "127.0.0.1:5\n",
        "127.0.0.1:0x50",
        "127.0.0.1:8_0",
        "127.0.0.1:http",
        "127.0.0.1:000080",
    ],
)
def test_what_has_not_the_shape_of_an_address_is_refused_and_shown(text: str) -> None:
    assert f"`{text}` is not HOST, HOST:PORT or [IPv6]:PORT" in refusal(text).message


@pytest.mark.parametrize("port", ["٣", "²", "①", "\uff15", "๕"])
def test_digits_of_other_scripts_are_no_port(port: str) -> None:
    refusal(f"127.0.0.1:{port}")
    refusal(f"[::1]:{port}")


@pytest.mark.parametrize(
    "text",
    [
        ":::",
        "]",
        "::1]:5",
        "1:2:3",
        "::1::",
        "[:::]:5",
        "[fe80::1%no-such-interface]:5",
        "256.256.256.256",
        "\x00",
        "*",
        "*:5",
        "local\x00host:5",
        "127.0.0.1\n",
        "\x1b[31mred\x1b[0m:5",
        "a..b",
        ".",
        " ",
        "-",
        "$(id):5",
        "../../etc/passwd:5",
        "\ud800:5",
        "x" * 64 + ".invalid",
        "x" * 10_000,
        "x." * 5_000 + "y:5",
        "1" * 10_000 + ":5",
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_a_host_that_cannot_be_one_is_refused(text: str) -> None:
    error = refusal(text)
    assert "does not resolve" in error.message or "is not HOST" in error.message
    assert error.hint.startswith("write 127.0.0.1:21076")


def test_a_name_that_nobody_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert refusal("nobody.invalid:5").message == "`nobody.invalid` does not resolve: name or service not known"


def test_the_first_address_of_a_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("2001:db8::1", 5, 0, 0)),
        (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("192.0.2.1", 5)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert resolve("both.example:5") == "[2001:db8::1]:5"
    found.reverse()
    assert resolve("both.example:5") == "192.0.2.1:5"


def test_port_0_is_for_those_who_listen() -> None:
    assert resolve("127.0.0.1:0", any_port=True) == "127.0.0.1:0"
    assert resolve("[::]:0", any_port=True) == "[::]:0"
    refusal("127.0.0.1:-1", any_port=True)
    refusal("127.0.0.1:65536", any_port=True)


@given(st.text("0123456789abcdefx.:[]%- \n٣", max_size=40) | st.text(max_size=20))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = resolve(text)
    except RttpError as error:
        assert error.slug == "bad-target"
    else:
        host, _, port = address.rpartition(":")
        assert 1 <= int(port) <= 65535
        assert resolve(address) == address, "what comes out can go in"
        assert socket.inet_pton(socket.AF_INET6 if host.startswith("[") else socket.AF_INET, host.strip("[]"))
