"""The command line: one module per command, each parses options, calls a room and prints.

Nothing else prints or exits. A command's module is imported when it is asked for, so that every command starts fast.
"""

import errno
import io
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from rttp_cli.cli._lazy import lazy_group
from rttp_cli.cli._output import forget_stdout
from rttp_cli.errors import EXIT_INTERRUPTED, EXIT_OK, Fault, RttpError
from rttp_cli.units import plain

COMMANDS = {
    "baseline": "Keep results to compare later ones with.",
    "bench": "Send pulses on a schedule, measure every answer.",
    "compare": "Say whether latency has changed between runs, as sure as they are.",
    "decode": "Decode captures: a table, JSON, Parquet, a summary.",
    "doctor": "Say how fit this host is for measuring, and what to change.",
    "gate": "Hold results to limits: pass, fail, or nobody can tell.",
    "header": "Build, decode, list and compare pulse headers.",
    "profile": "List, show, check and make load profiles.",
    "query": "Ask decoded captures in SQL.",
    "recv": "Receive pulses; answer those that ask for it.",
    "report": "Show results of any tool: tables, plots, HTML, CSV …",
    "uri": "Check rttp:// addresses.",
}
"""Every command with its one line; the module of the same name in this package has the Typer app."""


app = typer.Typer(
    cls=lazy_group(__name__, COMMANDS),
    name="rttp",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from rttp_cli import _core

        version, profile, commit = _core.build_info()
        print(f"rttp {version} ({profile} build, commit {commit})")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print version, build and commit.")
    ] = False,
) -> None:
    """Toolkit and traffic generator for RTTP, a real-time transfer protocol for distributed AI."""


def complain(error: RttpError) -> int:
    """Writes an error on stderr, one line, its details and its hint, and gives the exit code."""
    print(f"error[{error.slug}]: {_plain(error.message)}", file=sys.stderr)
    for detail in error.details:
        print(f"  {_plain(detail)}", file=sys.stderr)
    print(f"  hint: {_plain(error.hint)}", file=sys.stderr)
    return error.exit_code


def _plain(text: str) -> str:
    """Text that may hold what somebody typed: on one line, without terminal controls, not endless."""
    text = plain(text)
    return text if len(text) <= 500 else text[:500] + "…"


def main(argv: list[str] | None = None) -> Any:
    """Runs a command line and exits: 0 ok, 1 gate, 2 usage, 3 input, 4 peer, 5 host, 6 inconclusive, 70 bug, 130."""
    _prepare_streams()
    if sys.stdout is None:
        sys.exit(complain(RttpError("unwritable", "standard output is closed", "say >/dev/null where nobody reads")))
    code: Any = EXIT_OK
    try:
        code = app(args=argv, prog_name="rttp", standalone_mode=False)
        sys.stdout.flush()
    except RttpError as error:
        code = complain(error)
    except typer.TyperException as error:
        code = _complain_of_usage(error)
    except (typer.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # What a command has found out by then stays its code.
        forget_stdout()
    except SystemExit as end:
        # Typer turns a broken pipe into an exit of its own.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        forget_stdout()
    except OSError as error:
        if error.errno not in _FULL:
            raise
        forget_stdout()
        code = complain(RttpError("unwritable", f"standard output: {error.strerror}"))
    except Exception as error:
        traceback.print_exc()
        code = complain(RttpError("bug", f"{type(error).__name__}: {error}"))
    sys.exit(code if isinstance(code, int) else EXIT_OK)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Why a disk takes no more. Commands name the files that they write: what is left is standard output."""


def _prepare_streams() -> None:
    """What an encoding lacks is escaped; without a stderr nothing is told."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _complain_of_usage(error: typer.TyperException) -> int:
    message = error.format_message()
    if "\n" in message.strip():
        # A group without a command: the message is its help.
        print(message, file=sys.stderr)
        return Fault.USAGE.value
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "rttp"
    return complain(RttpError("usage", message[:1].lower() + message[1:].rstrip("."), f"see `{command} --help`"))
