"""Result documents (docs/RESULT.md): figures in numbers and a verdict, added to what was measured."""

from typing import Any

from rttp_cli.report.dispersion import distribution_of
from rttp_cli.report.distribution import QUANTILES, Distribution

SCHEMA = "rttp.result/1"


def summarise(document: dict[str, Any], limit_ns: int, q: float) -> dict[str, Any]:
    """Adds figures in numbers to a result document: `latency` (of all, of streams, of bands) and `verdict`."""
    from rttp_cli.report.judge import verdict_of
    from rttp_cli.report.source import of_document

    quantiles = QUANTILES if q in QUANTILES else tuple(sorted({*QUANTILES, q}))
    result = of_document(document, "this run")
    names = [name for name in document["histograms"] if name not in ("unit", "encoding")]
    added = {
        "latency": {name: _numbers(distribution_of(result, result.whole, name, quantiles)) for name in names},
        "streams": [
            stream | {"latency": {name: _numbers(distribution_of(result, part, name)) for name in part.histograms}}
            for stream, part in zip(document["streams"], result.streams, strict=True)
        ],
        "bands": [
            band | {"latency": {"response": _numbers(distribution_of(result, part, "response"))}}
            for band, part in zip(document["bands"], result.bands, strict=True)
        ],
    }
    return document | added | {"verdict": vars(verdict_of(result, q, limit_ns))}


def _numbers(d: Distribution) -> dict[str, Any]:
    return vars(d) | {"percentiles": [vars(p) | {"name": p.name} for p in d.percentiles]}
