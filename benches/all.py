"""Runs every benchmark and writes the figures of docs/BENCHMARKS.md.

    cargo bench -p rttp-proto            # first, for the headers per second in Rust
    python benches/all.py --write

Takes about a quarter of an hour on an otherwise idle machine.
"""

import argparse
import datetime
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import decode
import design
import gate_errors
import header_batch
import memory
import one_way
import open_loop
import pacer
import ping_pong
import report
import startup
import trace_load
from common import HERE, Table, busy_share, dump, machine, refuse

MODULES: tuple[ModuleType, ...] = (
    ping_pong,
    open_loop,
    one_way,
    pacer,
    design,
    header_batch,
    trace_load,
    decode,
    report,
    gate_errors,
    startup,
    memory,
)
DOCUMENT = HERE.parent / "docs" / "BENCHMARKS.md"
BEGIN = "<!-- figures: written by benches/all.py --write -->"
END = "<!-- end of figures -->"
BUSY = 0.1
"""Share of the processors' time in use beforehand from which nothing is written: it would be measured, too."""
QUICK = ("--seconds", "1", "--pairs", "1")


def criterion() -> dict[str, Any]:
    """Headers per second of the Rust micro-benchmarks, from the estimates that criterion left; empty without them."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
    found = {}
    for estimates in sorted(target.glob("criterion/**/new/estimates.json")):
        about = json.loads(estimates.with_name("benchmark.json").read_text(encoding="utf-8"))
        elements = (about.get("throughput") or {}).get("Elements")
        if elements:
            mean = json.loads(estimates.read_text(encoding="utf-8"))["mean"]
            slow_ns, fast_ns = mean["confidence_interval"]["upper_bound"], mean["confidence_interval"]["lower_bound"]
            found[about["full_id"]] = {
                "per_s": elements * 1e9 / mean["point_estimate"],
                "interval_per_s": [elements * 1e9 / slow_ns, elements * 1e9 / fast_ns],
                "date": datetime.date.fromtimestamp(estimates.stat().st_mtime).isoformat(),
            }
    return found


def criterion_table(found: dict[str, Any]) -> Table:
    """What criterion found, or how to let it find something."""
    if not found:
        return Table("Headers in Rust", ("benchmark",), [], "Not measured: run `cargo bench -p rttp-proto` before.")
    rows = [
        (
            f"`{name}`",
            f"{f['per_s'] / 1e6:,.0f}",
            "{:,.0f}…{:,.0f}".format(*(r / 1e6 for r in f["interval_per_s"])),
            f["date"],
        )
        for name, f in found.items()
    ]
    head = ("benchmark", "M headers/s", "95 % interval", "measured")
    return Table(
        "Headers in Rust", head, rows, "`cargo bench -p rttp-proto`, one core; interval of the mean, by criterion."
    )


def figures(result: dict[str, Any], tables: dict[str, list[Table]]) -> str:
    """The section between the markers."""
    about = result["machine"]
    kind = "virtual machine" if about["virtual"] else "machine"
    head = [
        f"Measured on {result['date']} by `{result['command']}`: rttp {about['rttp']}; {about['cpu']},"
        f" {about['cores']} cores ({kind}), {result['busy_before']:.0%} busy before the start; Linux {about['kernel']},"
        f" Python {about['python']}.",
    ]
    if result["quick"]:
        head.append("**A trial of the scripts, one short round each: these figures mean nothing.**")
    sections = [
        "\n\n".join([*(table.markdown() for table in found), f"`python benches/{name}.py`"])
        for name, found in tables.items()
    ]
    return "\n\n".join([*head, *sections, criterion_table(result["criterion"]).markdown()])


def write(path: Path, section: str) -> None:
    """Replaces what stands between the markers."""
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise refuse(f"{path} does not have one `{BEGIN}` and one `{END}`")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n\n{section}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--write", action="store_true", help="rewrite the figures in the document")
    made.add_argument("--document", type=Path, default=DOCUMENT, help="which document [docs/BENCHMARKS.md]")
    made.add_argument("--quick", action="store_true", help="one round of a second each: only to see that all works")
    made.add_argument("--json", action="store_true", help="all figures of all runs, as JSON")
    options = made.parse_args()
    if options.write and not options.document.is_file():
        raise refuse(f"{options.document} does not exist")
    busy = busy_share()
    if options.write and not options.quick and busy > BUSY:
        raise refuse(f"the machine is {busy:.0%} busy: end what else runs, or see that the scripts work with --quick")
    result: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": "python benches/all.py --write",
        "quick": options.quick,
        "busy_before": busy,
        "machine": machine(),
        "criterion": criterion(),
    }
    tables: dict[str, list[Table]] = {}
    # The short ones first: what is missing or broken shows before a quarter of an hour is spent.
    for module in reversed(MODULES):
        quick = QUICK if options.quick and module is not memory else ("--seconds", "5") if options.quick else ()
        result[module.__name__] = module.measure(module.arguments().parse_args(quick))
        tables[module.__name__] = module.tables(result[module.__name__])
    tables = {module.__name__: tables[module.__name__] for module in MODULES}
    if options.write:
        write(options.document, figures(result, tables))
        print(f"wrote {options.document}", file=sys.stderr)
    if options.json:
        print(dump(result))
    elif not options.write:
        shown = [table.text() for found in tables.values() for table in found]
        print("\n\n".join([*shown, criterion_table(result["criterion"]).text()]))


if __name__ == "__main__":
    main()
