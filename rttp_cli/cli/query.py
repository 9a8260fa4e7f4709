"""`rttp query`: SQL over decoded captures."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rttp_cli.cli._decode_output import check_no_input, to_stdout
from rttp_cli.cli._options import check_writable, parsed
from rttp_cli.errors import RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

MOST_ROWS = 1000
"""Rows of a table, unless all are asked for."""
WIDTH = 80
_WIDEST = 40


@app.command()
def query(
    source: Annotated[
        Path, typer.Argument(metavar="DIR|FILE", help="What `rttp decode --to` made: a folder or a Parquet file.")
    ],
    sql: Annotated[
        str | None, typer.Argument(metavar="[SQL]", help="The query; without one, views and columns are listed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of objects.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a line of names (RFC 4180).")] = False,
    parquet: Annotated[Path | None, typer.Option("--parquet", metavar="FILE", help="Write a Parquet file.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"All rows of a table, not the first {MOST_ROWS:,}.")
    ] = False,
    memory: Annotated[
        str, typer.Option("--memory", metavar="BYTES", help="Most memory of a query; the rest goes to temporary files.")
    ] = "1GiB",
    threads: Annotated[int | None, typer.Option("--threads", metavar="N", help="Threads. [default: all cores]")] = None,
) -> int:
    """Ask decoded captures with SQL (DuckDB): pulses, messages, flows, percentiles, losses, rejects.

    Nothing but the files given is read and nothing is written. Bytes are hex, moments UTC. Ctrl-C stops a query
    (exit 130).
    """
    from rttp_cli.decode.query import open_dataset
    from rttp_cli.units import parse_bytes

    forms = [name for name, chosen in (("--json", as_json), ("--jsonl", jsonl), ("--csv", as_csv)) if chosen]
    forms += ["--parquet"] if parquet is not None else []
    if len(forms) > 1:
        raise RttpError("bad-option", f"{' and '.join(forms)} together", "give one of them")
    if parquet is not None:
        if sql is None:
            raise RttpError("bad-option", "`--parquet` without a query", "give a query")
        check_writable(parquet)
        check_no_input(parquet, [str(source), *map(str, source.glob("*/*.parquet"))])
    most = parsed("memory", memory, parse_bytes)
    with open_dataset(source, memory=most, threads=threads, output=parquet) as dataset:
        if sql is None:
            with to_stdout():
                _list(dataset.views(), as_json or jsonl)
        elif parquet is not None:
            print(f"{dataset.save(sql):,} rows to {parquet}", file=sys.stderr)
        else:
            with to_stdout():
                _print(dataset.query(sql), forms[0] if forms else None, everything)
    return 0


def _list(views: list[Any], as_json: bool) -> None:
    if as_json:
        found = [
            {"view": v.name, "doc": v.doc, "columns": [{"name": n, "type": t} for n, t in v.columns]} for v in views
        ]
        print(json.dumps(found, indent=1))
        return
    for i, view in enumerate(views):
        print(("\n" if i else "") + f"{view.name}: {view.doc}")
        columns = [f"{name} {kind.lower()}" for name, kind in view.columns]
        width = max(map(len, columns)) + 2
        across = max(1, (WIDTH - 2) // width)
        for row in range(0, len(columns), across):
            print("  " + "".join(f"{column:<{width}}" for column in columns[row : row + across]).rstrip())


def _print(answer: Any, form: str | None, everything: bool) -> None:
    names, rows = answer.columns, (row for batch in answer.batches for row in batch)
    try:
        if form == "--csv":
            writer = csv.writer(sys.stdout)
            writer.writerow(names)
            writer.writerows([_csv_cell(value) for value in row] for row in rows)
        elif form == "--jsonl":
            for row in rows:
                print(_object(names, row))
        elif form == "--json":
            before = "["
            for row in rows:
                print(before + "\n" + _object(names, row), end="")
                before = ","
            print("\n]" if before == "," else "[]")
        else:
            _table(names, rows, everything)
    finally:
        # A query goes on in its thread until its batches are closed.
        rows.close()
        answer.batches.close()


def _object(names: list[str], row: tuple[Any, ...]) -> str:
    return json.dumps({name: _plain(value) for name, value in zip(names, row, strict=True)}, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value as JSON has it: not-a-number is null, bytes are hex, what JSON has no type for is text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {_text(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return str(value)


def _csv_cell(value: Any) -> str:
    return "" if value is None else _text(value)


def _text(value: Any) -> str:
    plain = _plain(value)
    if isinstance(value, float):
        return str(value)
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False)


def _table(names: list[str], rows: Iterator[tuple[Any, ...]], everything: bool) -> None:
    """Columns side by side where 80 columns hold them, else each row from top to bottom.

    Widths follow from the first rows: what is longer further down moves its line, and is never cut.
    """
    first: list[tuple[Any, ...]] = []
    for row in rows:
        first.append(row)
        if len(first) == MOST_ROWS:
            break
    cells = [[_cell(value) for value in row] for row in first]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(map(_printable, names))]
    if sum(widths) + 2 * (len(widths) - 1) <= WIDTH:
        right = [any(isinstance(row[i], int | float) for row in first) for i in range(len(names))]

        def show(number: int, row: list[str]) -> None:
            parts = (f"{c:>{w}}" if r else f"{c:<{w}}" for c, w, r in zip(row, widths, right, strict=True))
            print("  ".join(parts).rstrip())

        show(0, [_printable(name) for name in names])
    else:
        longest = max(len(_printable(name)) for name in names)

        def show(number: int, row: list[str]) -> None:
            print(("\n" if number > 1 else "") + f"row {number:,}")
            for name, cell in zip(names, row, strict=True):
                _folded(f"{_printable(name)[:_WIDEST]:<{min(longest, _WIDEST)}}  ", cell)

    for i, texts in enumerate(cells, 1):
        show(i, texts)
    left = 0
    for row in rows:
        left += 1
        if everything:
            show(MOST_ROWS + left, [_cell(value) for value in row])
    if left and not everything:
        print(f"{left:,} more rows: --all, --csv or --jsonl shows them", file=sys.stderr)


def _folded(label: str, text: str) -> None:
    room = WIDTH - len(label)
    print((label + text[:room]).rstrip())
    for at in range(room, len(text), room):
        print(" " * len(label) + text[at : at + room])


def _cell(value: Any) -> str:
    return "-" if value is None else _printable(_text(value))


def _printable(text: str) -> str:
    """On one line and without terminal controls, whatever a capture held."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
