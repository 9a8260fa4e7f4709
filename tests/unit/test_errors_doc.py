"""docs/ERRORS.md is the catalogue of rttp_cli.errors, the reject slugs and the exit codes, written out.

`python tests/unit/test_errors_doc.py --write` writes it anew.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rttp_cli import _core
from rttp_cli.errors import CATALOGUE, EXIT_INTERRUPTED, EXIT_OK, Fault

PATH = Path(__file__).parents[2] / "docs" / "ERRORS.md"

EXIT_CODES = {
    EXIT_OK: "done; a responder that SIGTERM stops has done its work, too",
    1: "a gate says no, or two things that were compared differ",
    Fault.USAGE.value: "usage: the command line is at fault",
    Fault.INPUT.value: "input: what was read is at fault",
    Fault.PEER.value: "peer: the other end is at fault",
    Fault.HOST.value: "host: this machine is at fault",
    6: "inconclusive: the run cannot answer the question, for example because the machine was too noisy",
    Fault.BUG.value: "bug: this program is at fault",
    EXIT_INTERRUPTED: "Ctrl-C; what was measured until then is kept",
}
"""Every code that a command may end with, and what it says."""

HEAD = """\
# Errors

<!-- written by tests/unit/test_errors_doc.py --write from rttp_cli/errors.py: change it there -->

A command that fails says on stderr `error[SLUG]: what was found and what was expected`, then `hint: what to do`, and
nothing on stdout that could be taken for a result (a run that nobody answered prints its report all the same). Slugs
are stable: scripts may match them. The exit code says whose fault it is.
"""
REJECTS = """\
A bad datagram is not an error but data: it is refused, counted by slug and shown with the offset at which the rule
broke (docs/PROTOCOL.md, RTTP-3). Only a command that was given one pulse to judge fails over it, with `bad-pulse`.
"""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    cells = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in cells)


def render() -> str:
    """The whole document, from the code."""
    errors = [
        (f"`{slug}`", str(entry.fault.value), entry.fault.name.lower(), entry.meaning, entry.hint)
        for slug, entry in CATALOGUE.items()
    ]
    parts = [
        HEAD,
        "## Exit codes\n",
        _table(("code", "meaning"), [(str(code), meaning) for code, meaning in EXIT_CODES.items()]),
        "## Failures of a command\n",
        _table(("slug", "exit code", "fault", "meaning", "hint"), errors),
        "## Refused datagrams\n",
        REJECTS,
        _table(("code", "slug", "rule"), [(str(code), f"`{slug}`", rule) for code, slug, rule in _core.slugs()]),
    ]
    return "\n".join(parts)


def test_the_document_is_what_the_code_says() -> None:
    text = render()
    found = PATH.read_text(encoding="utf-8")
    assert found == text, (
        f"run `python tests/unit/test_errors_doc.py --write`, or paste this over docs/ERRORS.md:\n{text}"
    )


def test_every_error_slug_has_its_row_and_no_row_is_left_over() -> None:
    section = PATH.read_text(encoding="utf-8").split("## Failures of a command")[1].split("## ")[0]
    rows = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert rows == list(CATALOGUE)


def test_every_fault_has_an_exit_code_of_its_own_in_the_table() -> None:
    assert len(EXIT_CODES) == len(Fault) + 4, "ok, gate, inconclusive and interrupted are nobody's fault"
    assert list(EXIT_CODES) == sorted(EXIT_CODES)
    for fault in Fault:
        assert EXIT_CODES[fault.value].startswith(f"{fault.name.lower()}: ")


def test_slugs_are_lower_case_words_and_texts_are_not_sentences() -> None:
    for slug, entry in CATALOGUE.items():
        assert slug == slug.lower().strip("-"), slug
        assert slug.replace("-", "").isalnum(), slug
        assert not entry.meaning.endswith(".") and not entry.hint.endswith("."), slug


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PATH.write_text(render(), encoding="utf-8")
    else:
        sys.stdout.write(render())
