"""What `rttp compare` and `rttp bench --against` share: options to rules, names to runs, a comparison to output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rttp_cli.cli._output import reader_may_go
from rttp_cli.errors import EXIT_OF_STATE, RttpError

if TYPE_CHECKING:
    from rttp_cli.report.compare import Comparison, Rules
    from rttp_cli.report.result import Result


def share(option: str, text: str, *, most: float) -> float:
    """The share that `5` or `5%` says. Raises `RttpError` bad-option: none, or outside 0 to `most` percent."""
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= most:
        raise RttpError("bad-option", f"`--{option}` is `{text[:40]}`, expected 0 to {most:g} percent")
    return percent / 100


def rules(
    *,
    at: str | None = None,
    tolerance: str | None = None,
    loss_tolerance: str | None = None,
    confidence: str | None = None,
    drift: str | None = None,
    metric: str | None = None,
    stream: str | None = None,
    seed: int = 0,
) -> Rules:
    """Rules of options' texts; `None`: the default. Raises `RttpError` bad-option."""
    from difflib import get_close_matches

    from rttp_cli.report.compare import Rules
    from rttp_cli.report.gate import TIMES

    given: dict[str, Any] = {"metric": metric, "stream": stream, "seed": seed}
    if at is not None:
        given["at"] = tuple(round(share("at", part, most=100), 9) for part in at.split(","))
        if not all(0 < q < 1 for q in given["at"]) or len(set(given["at"])) != len(given["at"]):
            raise RttpError(
                "bad-option", f"`--at` is `{at[:40]}`, expected different percentiles such as 99 or 50,99.9"
            )
    for name, text, most in (
        ("tolerance", tolerance, 1000.0),
        ("loss_tolerance", loss_tolerance, 100.0),
        ("confidence", confidence, 99.99),
        ("drift", drift, 1000.0),
    ):
        if text is not None:
            given[name] = share(name.replace("_", "-"), text, most=most)
    if given.get("confidence", 1.0) < 0.5:
        raise RttpError("bad-option", f"`--confidence` is `{(confidence or '')[:40]}`, expected 50 to 99.99 percent")
    if metric is not None and metric not in TIMES:
        near = get_close_matches(metric, TIMES, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "it is one of " + ", ".join(TIMES)
        raise RttpError("bad-option", f"`--metric` is `{metric[:40]}`, which nothing is called", hint)
    return Rules(**given)


def is_baseline(name: str) -> bool:
    """Whether a text names a baseline rather than a file."""
    return name.startswith("@")


def both(base: str, new: str, folder: Path, *, force: bool) -> tuple[list[Result], list[Result], tuple[str, ...]]:
    """Base and new of two names, each a file, a folder, or a baseline `@NAME`; and notes. Raises `RttpError`."""
    from rttp_cli.report import baseline

    if is_baseline(base) and is_baseline(new):
        raise RttpError("usage", "two baselines: which traffic is meant?", "name the runs of one of them as files")
    if base == new == "-":
        raise RttpError("usage", "both sides are standard input, which is read once", "name a file for one of them")
    if is_baseline(base):
        theirs = of_files([new])
        ours, notes = baseline.find(folder, base[1:], theirs, force=force)
    elif is_baseline(new):
        ours = of_files([base])
        theirs, notes = baseline.find(folder, new[1:], ours, force=force)
    else:
        ours, theirs, notes = of_files([base]), of_files([new]), ()
    return ours, theirs, notes


def of_files(names: Sequence[str]) -> list[Result]:
    """The runs of files and folders, of one thing all. Raises `RttpError`."""
    from rttp_cli.report.source import expand, load_all

    results = load_all(expand(names))
    sides: dict[str | None, str] = {}
    for result in results:
        among = result.among
        if among is not None and among.kind not in ("repeat", "against"):
            raise RttpError(
                "bad-result",
                f"`{result.source}` is a run of `{among.kind[:40]}`: they differ because they were asked to",
            )
        if among is not None and among.kind == "against":
            sides.setdefault(among.side, result.source)
    if len(sides) > 1:
        one, other = list(sides.values())[:2]
        raise RttpError(
            "bad-result",
            f"`{one}` and `{other}` are the two sides of --against, expected runs of one thing",
            "`rttp compare FILE` alone compares the sides of FILE",
        )
    return results


def two_sides(name: str) -> tuple[list[Result], list[Result], bool, tuple[str, ...]]:
    """Base and new of a file of `--against`, whether they were made in turns, and notes. Raises `RttpError`."""
    from rttp_cli.report.source import load

    if is_baseline(name):
        raise RttpError("usage", f"`{name}` is a baseline", "name what it is compared with")
    found = [(one.among, one) for one in load(Path(name)) if one.among is not None and one.among.kind == "against"]
    base, new = ([(among, one) for among, one in found if among.side == side] for side in "AB")
    if not base or not new:
        raise RttpError("usage", f"`{name}` has not the two sides of --against", "name what it is compared with")
    ours, theirs = ({among.pair: one for among, one in side if among.interleaved} for side in (base, new))
    pairs = sorted(pair for pair in ours if pair is not None and pair in theirs)
    if not pairs or (len(ours), len(theirs)) != (len(base), len(new)):
        return [one for _, one in base], [one for _, one in new], False, ()
    alone = len(found) - 2 * len(pairs)
    note = f"{alone} of the runs of `{name}` {'was' if alone == 1 else 'were'} made without a run of the other side"
    return [ours[pair] for pair in pairs], [theirs[pair] for pair in pairs], True, (note,) if alone else ()


def show(comparison: Comparison, *, as_json: bool, markdown: bool = False) -> int:
    """Prints a comparison and gives the exit code: 0 pass, 1 fail, 6 inconclusive."""
    from rttp_cli.report import compare_text

    if as_json:
        text = json.dumps(comparison.document(), indent=1)
    elif markdown:
        text = compare_text.markdown(comparison)
    else:
        text = compare_text.render(comparison, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    with reader_may_go():
        print(text)
    return exit_code(comparison)


def exit_code(comparison: Comparison) -> int:
    """0 pass, 1 fail, 6 inconclusive."""
    return EXIT_OF_STATE[comparison.state]
