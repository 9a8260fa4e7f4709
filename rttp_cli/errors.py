"""Why a command fails: one flat family with a stable slug, whose fault it is, and a hint.

The catalogue below is the one truth: docs/ERRORS.md lists it and a test holds the two together. A bad datagram is
never one of these: it is data (`_core.Reject`), counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import NamedTuple


class Fault(Enum):
    """Whose fault a failure is; the value is the exit code."""

    USAGE = 2
    INPUT = 3
    PEER = 4
    HOST = 5
    BUG = 70


class Entry(NamedTuple):
    """One row of the catalogue."""

    fault: Fault
    meaning: str
    hint: str


CATALOGUE: dict[str, Entry] = {
    # what was typed
    "usage": Entry(Fault.USAGE, "the command line cannot be understood", "see the command's --help"),
    "bad-option": Entry(Fault.USAGE, "an option has a value outside its range", "see the command's --help"),
    "unknown-name": Entry(Fault.USAGE, "no field, kind, flag or dialect of that name", "see `rttp header fields`"),
    "bad-filter": Entry(Fault.USAGE, "a filter cannot be understood", "see `rttp decode --columns` for every field"),
    "bad-gate": Entry(Fault.USAGE, "a gate cannot be understood", "see docs/GATES.md"),
    "bad-target": Entry(
        Fault.USAGE, "a target is not HOST:PORT, or its name does not resolve", "write 127.0.0.1:21076 or [::1]:21076"
    ),
    # what was read
    "bad-value": Entry(Fault.INPUT, "a field's value does not fit the field", "see `rttp header fields` for the width"),
    "bad-encoding": Entry(
        Fault.INPUT, "the text is not hex or base64, or stops halfway", "say which with --from hex|base64|raw"
    ),
    "bad-document": Entry(Fault.INPUT, "a JSON or YAML document cannot be used", "check it at the line given"),
    "bad-profile": Entry(Fault.INPUT, "a load profile cannot be used", "see `rttp profile schema` for every key"),
    "bad-pulse": Entry(Fault.INPUT, "the bytes break a rule of the dialect", "see docs/PROTOCOL.md for the rule"),
    "bad-capture": Entry(
        Fault.INPUT, "a part of a capture cannot be read", "the warnings say where; what could be read was"
    ),
    "bad-result": Entry(Fault.INPUT, "a result cannot be used", "see docs/RESULT.md for what a result holds"),
    "no-baseline": Entry(Fault.INPUT, "there is no such baseline", "see `rttp baseline list`"),
    "other-machine": Entry(
        Fault.INPUT,
        "a baseline was measured on another kind of machine",
        "measure one here with `rttp baseline save`, or compare with --force",
    ),
    "bad-query": Entry(Fault.INPUT, "a query cannot be answered", "see `rttp query DIR` for the views and columns"),
    "bad-uri": Entry(Fault.INPUT, "the text is not an rttp:// address", "write rttp://intent.pillar.root or …/action"),
    "bad-trace": Entry(
        Fault.INPUT,
        "a trace or a capture cannot be used as a schedule",
        "see docs/PROFILES.md for what a trace may hold",
    ),
    "unreadable": Entry(Fault.INPUT, "a file cannot be read", "check the path and its permissions"),
    "unwritable": Entry(Fault.HOST, "a file cannot be written", "check the folder, its permissions and its space"),
    # the other end
    "no-answer": Entry(Fault.PEER, "the target answers nothing", "start `rttp recv --echo` there; check the firewall"),
    "refused": Entry(
        Fault.PEER, "the target's host says that nobody listens on the port (ICMP)", "start `rttp recv --echo` there"
    ),
    "not-rttp": Entry(
        Fault.PEER, "the target answers, but not with RTTP pulses", "check the port: is it `rttp recv --echo`?"
    ),
    "unreachable": Entry(Fault.PEER, "there is no route to the target", "check the address and the routes"),
    # this machine
    "address-in-use": Entry(
        Fault.HOST, "another process has the port", "stop it, or choose another with --listen HOST:PORT"
    ),
    "forbidden": Entry(
        Fault.HOST,
        "the kernel refuses for want of a privilege",
        "run with the capability named, or leave the option out",
    ),
    "bad-interface": Entry(Fault.USAGE, "no interface of that name that can be captured", "see `ip link`"),
    "no-such-address": Entry(Fault.HOST, "the address to listen on is not one of this host's", "see `ip address`"),
    "too-large": Entry(Fault.HOST, "the datagram is larger than the path takes (EMSGSIZE)", "choose a smaller --size"),
    "host-limit": Entry(
        Fault.HOST, "this host refuses the resources that the run needs", "lower what the message names"
    ),
    "socket": Entry(Fault.HOST, "a socket call failed", "the message has the call and the system's reason"),
    # ours
    "bug": Entry(Fault.BUG, "this program broke one of its own promises", "please report it with the traceback"),
}

EXIT_OK = 0
EXIT_GATE = 1
EXIT_INCONCLUSIVE = 6
EXIT_INTERRUPTED = 130
EXIT_OF_STATE = {"pass": EXIT_OK, "fail": EXIT_GATE, "inconclusive": EXIT_INCONCLUSIVE}
"""Exit code of a verdict."""


class RttpError(Exception):
    """A command's failure. `message` says what was found and what was expected; `hint` says what to do.

    `details` are lines of their own, for a failure of many parts.
    """

    def __init__(self, slug: str, message: str, hint: str | None = None, *, details: tuple[str, ...] = ()) -> None:
        entry = CATALOGUE[slug]
        super().__init__(message)
        self.slug = slug
        self.fault = entry.fault
        self.message = message
        self.hint = hint or entry.hint
        self.details = details

    @property
    def exit_code(self) -> int:
        """The process's exit code: 2 usage, 3 input, 4 peer, 5 host, 70 bug."""
        return self.fault.value


@contextmanager
def core_failures() -> Iterator[None]:
    """A failure of the core inside the block is an `RttpError` with its slug and its text."""
    from rttp_cli import _core

    try:
        yield
    except _core.CoreError as error:
        raise RttpError(*error.args) from None
