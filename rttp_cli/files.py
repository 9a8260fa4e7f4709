"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from rttp_cli.errors import RttpError


def write_whole(path: Path, data: bytes, mode: int | None = None) -> None:
    """Puts a finished file in the place of the old one; what is no file (a pipe, /dev/null) is written to.

    `mode`: permissions; without it those of the old file, or what the umask gives. Raises `RttpError` unwritable; then
    the old file is as it was.
    """
    try:
        _replace(path.resolve(), data, mode)
    except OSError as error:
        raise RttpError("unwritable", f"`{path}`: {error.strerror or error}") from error


def _replace(path: Path, data: bytes, mode: int | None) -> None:
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    beside = path.with_name(f".rttp-{secrets.token_hex(8)}")
    try:
        # Made by `open`, so that it has the permissions that the umask gives.
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None or path.exists():
            beside.chmod(path.stat().st_mode & 0o7777 if mode is None else mode)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
