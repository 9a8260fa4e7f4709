"""A result as HdrHistogram's percentile table (.hgrm), by the HdrHistogram library itself; values in ns."""

from __future__ import annotations

import io

from rttp_cli.errors import RttpError
from rttp_cli.report.result import Result


def render(result: Result, metric: str) -> str:
    """The table of one metric of all pulses. Raises `RttpError` bad-result without samples."""
    from hdrh.histogram import HdrHistogram

    found = result.whole.histograms.get(metric)
    if found is None:
        raise RttpError("bad-result", f"{result.source}: no samples of `{metric}`")
    file = io.BytesIO()
    HdrHistogram.decode(found.encode()).output_percentile_distribution(file, 1.0)
    return file.getvalue().decode("ascii")
