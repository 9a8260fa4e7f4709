"""Where commands read datagrams from: arguments, files, stdin; bounded."""

from __future__ import annotations

import sys
from pathlib import Path

from rttp_cli.errors import RttpError
from rttp_cli.wire.encodings import MAX_INPUT, Encoding, decode, split

STDIN = "-"


def read(name: str, most: int = MAX_INPUT) -> bytes:
    """A file's bytes, or stdin's for `-`; one more than `most` at the most. Raises `RttpError` unreadable."""
    try:
        if name == STDIN:
            return sys.stdin.buffer.read(most + 1)
        with Path(name).open("rb") as file:
            return file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RttpError("unreadable", f"`{name}`: {reason}") from error


def read_text(name: str) -> str:
    """The same as UTF-8 text."""
    try:
        return read(name).decode()
    except UnicodeDecodeError as error:
        raise RttpError("bad-encoding", f"`{name}` is not UTF-8 text: byte {error.start}") from None


def datagrams(texts: list[str], file: str | None, encoding: Encoding, stride: int | None) -> list[bytes]:
    """Datagrams of the arguments (`@FILE` and `-` among them), of `--file`, or of stdin when there is neither."""
    if texts and file is not None:
        raise RttpError("bad-option", "text and `--file` together", "give one of them")
    if stride is not None and stride < 1:
        raise RttpError("bad-option", f"`--stride` is {stride}, expected at least 1")
    if not texts:
        if file is None and sys.stdin.isatty():
            raise RttpError("usage", "no text, no `--file` and nothing on stdin", "give hex, base64 or a file")
        return split(read(file or STDIN), encoding, stride)
    found: list[bytes] = []
    # Hex pasted with blanks and without quotes comes as many short words: it is one datagram.
    if len(texts) > 1 and all(len(t) <= 4 and _is_hex(t) for t in texts):
        texts = ["".join(texts)]
    for text in texts:
        if text == STDIN or text.startswith("@"):
            found += split(read(text.removeprefix("@")), encoding, stride)
        elif encoding == "raw":
            raise RttpError("bad-option", "raw bytes cannot be an argument", "use --file or stdin")
        else:
            found.append(decode(text, encoding))
    return found


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdefABCDEF" for c in text)
