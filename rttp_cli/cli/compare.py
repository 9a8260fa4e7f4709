"""`rttp compare`: whether new runs are slower than base runs, and how sure that is."""

from pathlib import Path
from typing import Annotated

import typer

from rttp_cli.cli.baseline._folder import Folder
from rttp_cli.errors import RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def compare(
    base: Annotated[
        str, typer.Argument(metavar="BASE", help="A result, a file of --repeat, a folder of results, or @NAME.")
    ],
    new: Annotated[
        str | None,
        typer.Argument(metavar="[NEW]", help="The same of what may be slower; left out for a file of --against."),
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="PERCENT,...", help="Percentiles that decide. [99]")] = None,
    tolerance: Annotated[
        str | None, typer.Option("--tolerance", metavar="PERCENT", help="How much slower passes. [10]")
    ] = None,
    loss_tolerance: Annotated[
        str | None,
        typer.Option("--loss-tolerance", metavar="PERCENT", help="How much more loss passes, of all pulses. [0]"),
    ] = None,
    confidence: Annotated[
        str | None, typer.Option("--confidence", metavar="PERCENT", help="How sure a decision must be. [95]")
    ] = None,
    drift: Annotated[
        str | None,
        typer.Option(
            "--drift", metavar="PERCENT", help="How far equal runs may lie apart, where they are one or two. [30]"
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="NAME", help="[default: undisturbed, else response]")
    ] = None,
    stream: Annotated[str | None, typer.Option("--stream", metavar="NAME", help="One stream. [default: all]")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=(1 << 63) - 1, help="Of the resampling.")] = 0,
    paired: Annotated[
        bool, typer.Option("--paired", help="Run i of NEW was made beside run i of BASE, as --against does.")
    ] = False,
    folder: Folder = Path(".rttp/baselines"),
    force: Annotated[bool, typer.Option("--force", help="Compare other traffic and other machines, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a pull request.")] = False,
) -> int:
    """Say whether NEW is slower than BASE, quantile by quantile, and whether the runs can tell.

    Exit 0: not slower than tolerated. 1: slower, or more is lost. 6: the runs cannot tell.
    """
    from rttp_cli.cli import _comparison
    from rttp_cli.report.compare import compare as compared

    if as_json and markdown:
        raise RttpError("usage", "one form of output at a time: --json or --markdown")
    rules = _comparison.rules(
        at=at,
        tolerance=tolerance,
        loss_tolerance=loss_tolerance,
        confidence=confidence,
        drift=drift,
        metric=metric,
        stream=stream,
        seed=seed,
    )
    if new is None:
        ours, theirs, in_turns, notes = _comparison.two_sides(base)
        paired |= in_turns
        # They differ because they were asked to.
        force = True
    else:
        ours, theirs, notes = _comparison.both(base, new, folder, force=force)
    if paired and len(ours) != len(theirs):
        raise RttpError("bad-option", f"`--paired` with {len(ours)} runs against {len(theirs)}")
    comparison = compared(ours, theirs, rules, paired=paired, force=force, notes=notes)
    return _comparison.show(comparison, as_json=as_json, markdown=markdown)
