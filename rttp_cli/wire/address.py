"""Socket addresses as people write them."""

import socket

from rttp_cli.errors import RttpError

DEFAULT_PORT = 21076


def resolve(text: str, *, any_port: bool = False) -> str:
    """IP:PORT of `HOST`, `HOST:PORT`, `IPv6`, `[IPv6]` or `[IPv6]:PORT`; the port is 21076 by default.

    `any_port` allows port 0. Raises `RttpError` bad-target.
    """
    host, port = _split(text, lowest=0 if any_port else 1)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = str(error.args[-1] if error.args else error).lower()
        raise RttpError("bad-target", f"`{host}` does not resolve: {reason}") from error
    family, _, _, _, address = found[0]
    if family != socket.AF_INET6:
        return f"{address[0]}:{port}"
    # A link-local address means nothing without its interface.
    scope = f"%{address[3]}" if len(address) > 3 and address[3] else ""
    return f"[{str(address[0]).partition('%')[0]}{scope}]:{port}"


def _split(text: str, lowest: int) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        good = bool(bracket) and (not rest or colon == ":")
    elif text.count(":") > 1:
        host, colon, port, good = text, "", "", True
    else:
        host, colon, port = text.partition(":")
        good = True
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else -1
    good = good and host != "*" and host.isprintable() and " " not in host
    if not (good and host) or (colon and not lowest <= number <= 65535):
        raise RttpError("bad-target", f"`{text}` is not HOST, HOST:PORT or [IPv6]:PORT")
    return host, number if colon else DEFAULT_PORT
