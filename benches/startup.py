"""How long a command takes from start to end as a process, beside what Python itself and its import of typer take."""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from common import Contenders, Run, Table, find_rttp, interleave, main, medians, output, parser, ratios, shown_ratio


def arguments() -> argparse.ArgumentParser:
    return parser(__doc__, pairs=20, seconds=1)


def once(command: Sequence[str]) -> Run:
    """Wall-clock time of one process, ms."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return {"ms": (time.perf_counter() - start) * 1e3}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    from rttp_cli import _core

    header = _core.emit({"kind": 0x10}).hex()
    rttp = find_rttp()
    commands = {
        "rttp --version": [rttp, "--version"],
        "rttp header decode": [rttp, "header", "decode", header],
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import typer'": [sys.executable, "-c", "import typer"],
    }
    for command in commands.values():
        # Once before: files come into the page cache, and a command that fails is no figure.
        output(command, 10)
    contenders: Contenders = {name: partial(once, command) for name, command in commands.items()}
    rounds = interleave(contenders, options.pairs, "startup")
    floors = [name for name in commands if name.startswith("python")]
    ours = [name for name in commands if name not in floors]
    return {
        "bench": "startup",
        "rounds": rounds,
        "median": medians(rounds, ["ms"]),
        "ratios": {name: {f: ratios(rounds, name, f, ["ms"])["ms"] for f in floors} for name in ours},
    }


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for name, figures in result["median"].items():
        against = result["ratios"].get(name, {}).values()
        rows.append((f"`{name}`", f"{figures['ms']:.0f}", *(map(shown_ratio, against) if against else ("", ""))))
    return [
        Table(
            "A command from start to end",
            ("command", "ms", "/ python", "/ import typer"),
            rows,
            f"Medians over {len(result['rounds'])} interleaved rounds, files in the page cache.",
        )
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
