"""From paths to results: which files, of which kind, by their content."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rttp_cli.errors import RttpError
from rttp_cli.report.result import Result
from rttp_cli.report.source import cells, document, foreign

MAX_BYTES = 256 << 20
"""Of one file."""
AT_ONCE = 4 << 20
"""Bytes of files that are decoded together: enough for all cores, and few enough to hold two such batches."""
_PIECE = 1 << 20
"""Read at once: what a read may give at most is allocated before it."""
_SUFFIXES = (".json", ".hlog", ".hgrm")
MANY = 64
"""Files from which each run is one piece, as how alike samples are: runs tell more of that then than pieces of one."""
STDIN = Path("-")
_KINDS = "a result of rttp in JSON, an interval log, a percentile table, or histograms in base64"


def load(
    path: Path,
    *,
    unit: foreign.Unit | None = None,
    metrics: Collection[str] | None = None,
    intervals: bool = True,
) -> list[Result]:
    """Results of one file, several where it holds several runs; `-` is standard input.

    `unit` is that of a foreign file's values (`None`: ns, and ms in wrk2's output). `metrics` are the histograms that
    are wanted beside `response`; `None`: all, and only then results keep their documents whole. Raises `RttpError`:
    bad-result, unreadable.
    """
    return load_all([path], unit=unit, metrics=metrics, intervals=intervals)


def load_all(
    paths: Iterable[Path],
    *,
    unit: foreign.Unit | None = None,
    metrics: Collection[str] | None = None,
    intervals: bool = True,
) -> list[Result]:
    """Results of several files, in their order, as `load` reads each."""
    return list(load_each(paths, unit=unit, metrics=metrics, intervals=intervals))


def load_each(
    paths: Iterable[Path],
    *,
    unit: foreign.Unit | None = None,
    metrics: Collection[str] | None = None,
    intervals: bool = True,
) -> Iterator[Result]:
    """As `load_all`, one after the other and in bounded memory. The first file that cannot be used ends it.

    While histograms of some files are decoded, on all cores, the next files are parsed.
    """
    with _uncollected(), ThreadPoolExecutor(1) as worker:
        decoding: deque[Future[list[Result]]] = deque()
        wanted = document.Wanted(None if metrics is None else frozenset(metrics), intervals)
        for batch in _batches(paths, unit, wanted):
            decoding.append(worker.submit(batch.results))
            if len(decoding) > 1:
                yield from decoding.popleft().result()
        while decoding:
            yield from decoding.popleft().result()


def of_document(found: Mapping[str, Any], source: str) -> Result:
    """A result document as a result. Raises `RttpError` bad-result."""
    checked = document.check(found, source)
    cells.check(checked.cells, source)
    (result,) = document.results([checked])
    return result


def expand(names: Sequence[str]) -> list[Path]:
    """Files of names; of a folder all results in it, by name. Raises `RttpError` unreadable."""
    found: list[Path] = []
    for name in names:
        path = Path(name)
        try:
            if not path.is_dir():
                found.append(path)
                continue
            files = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
        except OSError as error:
            raise RttpError("unreadable", f"`{document.printable(str(path))}`: {error.strerror or error}") from None
        # `rttp bench --out` leaves the log beside the document: they are of one run.
        inside = [file for file in files if file.suffix != ".hlog" or file.with_suffix(".json") not in files]
        if not inside:
            raise RttpError(
                "unreadable", f"`{document.printable(str(path))}` has no file that ends in {' or '.join(_SUFFIXES)}"
            )
        found += inside
    return found


@dataclass
class _Batch:
    """What some files hold, in their order."""

    read: list[Result | document.Checked] = field(default_factory=list)
    error: RttpError | None = None
    """Of the file behind them: theirs, which show when they are decoded, come first."""
    size: int = 0
    cells: int = 0

    def results(self) -> list[Result]:
        """All its results; histograms are decoded at once. Raises `RttpError` bad-result, and its error."""
        checked = [one for one in self.read if isinstance(one, document.Checked)]
        made = iter(document.results(checked))
        found = [next(made) if isinstance(one, document.Checked) else one for one in self.read]
        if self.error is not None:
            raise self.error
        return found


def _batches(paths: Iterable[Path], unit: foreign.Unit | None, wanted: document.Wanted) -> Iterator[_Batch]:
    """Files parsed, about `AT_ONCE` bytes of them at a time; none behind one that cannot be used."""
    batch = _Batch()
    for path in paths:
        try:
            data, source = _read(path), "stdin" if path == STDIN else document.printable(str(path))
            parsed = _parse(data, source, unit, wanted)
            claimed = sum(one.cells for one in parsed if isinstance(one, document.Checked))
            cells.check(claimed, source)
        except RttpError as error:
            batch.error = error
            break
        batch.read += parsed
        batch.size += len(data)
        batch.cells += claimed
        if batch.size >= AT_ONCE or batch.cells >= cells.AT_ONCE:
            yield batch
            batch = _Batch()
    yield batch


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic collector: documents are many small objects without cycles, and looking for some in them takes
    as long as reading them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parse(
    data: bytes, source: str, unit: foreign.Unit | None, wanted: document.Wanted
) -> Sequence[Result | document.Checked]:
    data = data.removeprefix(b"\xef\xbb\xbf")
    start = data.lstrip()[:1]
    if not start:
        raise RttpError("bad-result", f"{source}: it is empty, expected {_KINDS}")
    if start in (b"{", b"["):
        return document.parse(data, source, wanted)
    if foreign.is_base64(data):
        return [foreign.parse_base64(data, source, unit)]
    if foreign.is_percentile_table(data):
        return [foreign.parse_percentile_table(data, source, unit)]
    if foreign.is_interval_log(data):
        return [foreign.parse_interval_log(data, source, unit)]
    shown = data.lstrip()[:24].decode("utf-8", "replace").splitlines()[0]
    raise RttpError("bad-result", f"{source}: it begins with `{shown}`, expected {_KINDS}")


def _read(path: Path) -> bytes:
    try:
        if path == STDIN:
            if sys.stdin is None:
                raise RttpError("unreadable", "standard input is closed")
            return _bounded(sys.stdin.buffer, "stdin")
        with path.open("rb") as file:
            return _bounded(file, document.printable(str(path)))
    except (OSError, ValueError) as error:
        # A name with a zero byte is a ValueError.
        reason = getattr(error, "strerror", None) or error
        raise RttpError("unreadable", f"`{document.printable(str(path))}`: {reason}") from None


def _bounded(file: IO[bytes], source: str) -> bytes:
    pieces, size = [], 0
    while piece := file.read(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raise RttpError("bad-result", f"{source}: it has more than {MAX_BYTES >> 20} MiB")
    return b"".join(pieces)
