"""Results as CSV: one line for each percentile of each metric of each part."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rttp_cli.report.output.figures import of_result
from rttp_cli.report.result import Result

COLUMNS = (
    "source", "of", "name", "metric", "samples", "lost", "q", "state", "value_ns", "lower_ns", "upper_ns", "beyond",
)  # fmt: skip


def render(results: Sequence[Result], metrics: Sequence[str] | None, quantiles: tuple[float, ...]) -> str:
    """With a heading. `of` is `whole`, `stream` or `band`; an upper end that is not known is empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        figures = of_result(result, metrics, quantiles)
        parts = [("whole", figures["whole"])]
        parts += [("stream", part) for part in figures["streams"]] + [("band", part) for part in figures["bands"]]
        for of, part in parts:
            for metric, latency in part["latency"].items():
                about = (figures["source"], of, part["name"], metric, latency["samples"], latency["lost"])
                for p in latency["percentiles"]:
                    writer.writerow((*about, *(p[key] for key in COLUMNS[len(about) :])))
    return file.getvalue()
