import io
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from rttp_cli.cli import main


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def rttp(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process: exit code, stdout, stderr."""

    def run(*args: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit_:
            main(list(args))
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Done(int(exit_.value.code or 0), out.decode("utf-8", "surrogateescape"), err.decode())

    return run
