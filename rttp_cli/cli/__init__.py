"""The command line: one module per command, each parses options, calls a room and prints.

Nothing else prints or exits. A command's module is imported when it is asked for, so that every command starts fast.
"""

import os
import sys
import traceback
from typing import Annotated, Any

import typer

from rttp_cli.cli._lazy import lazy_group
from rttp_cli.errors import EXIT_INTERRUPTED, EXIT_OK, Fault, RttpError

COMMANDS = {
    "bench": "Send pulses on a schedule, measure every answer.",
    "decode": "Decode captures: a table, JSON, Parquet, a summary.",
    "doctor": "Say how fit this host is for measuring, and what to change.",
    "header": "Build, decode, list and compare pulse headers.",
    "profile": "List, show, check and make load profiles.",
    "query": "Ask decoded captures in SQL.",
    "recv": "Receive pulses; answer those that ask for it.",
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
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= 500 else text[:500] + "…"


def main(argv: list[str] | None = None) -> Any:
    """Runs a command line and exits: 0 ok, 1 gate, 2 usage, 3 input, 4 peer, 5 host, 6 inconclusive, 70 bug, 130."""
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
        code = _reader_gone()
    except SystemExit as end:
        # Typer turns a broken pipe into an exit of its own.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        code = _reader_gone()
    except Exception as error:
        traceback.print_exc()
        code = complain(RttpError("bug", f"{type(error).__name__}: {error}"))
    sys.exit(code if isinstance(code, int) else EXIT_OK)


def _reader_gone() -> int:
    """The reader has what it wanted (`rttp … | head`); what is still buffered has nowhere to go at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_OK


def _complain_of_usage(error: typer.TyperException) -> int:
    message = error.format_message()
    if "\n" in message.strip():
        # A group without a command: the message is its help.
        print(message, file=sys.stderr)
        return Fault.USAGE.value
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "rttp"
    return complain(RttpError("usage", message[:1].lower() + message[1:].rstrip("."), f"see `{command} --help`"))
