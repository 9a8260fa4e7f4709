"""Standard output whose reader may go before a command has said everything."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def reader_may_go() -> Iterator[None]:
    """For output beside a verdict: a reader that has what it wanted (`rttp gate … | head`) does not change it."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()


def forget_stdout() -> None:
    """What is still buffered has nowhere to go, at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
