"""Latencies of other programs, read: interval logs, percentile tables, histograms in base64."""

import io
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from unit.result_samples import MS, US, encoded

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.result import Result
from rttp_cli.report.source import load

VALUES = {20 * US: 900, 300 * US: 90, 4 * MS: 10}
LOG = f"""#[Histogram log format version 1.3]
#[StartTime: 1790000000.000 (seconds since epoch)]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
Tag=fast,0.000,1.000,0.020,{encoded({20 * US: 900})}
Tag=slow,0.000,1.000,4.000,{encoded({4 * MS: 10})}
Tag=fast,1.000,1.000,0.300,{encoded({300 * US: 90})}
"""
JAVA = """       Value     Percentile TotalCount 1/(1-Percentile)

      20.015 0.000000000000        900           1.00
      20.015 0.900000000000        900          10.00
     300.031 0.990000000000        990         100.00
    4001.791 1.000000000000       1000
#[Mean    =       85.018, StdDeviation   =      403.115]
#[Max     =     4001.791, Total count    =         1000]
#[Buckets =           32, SubBuckets     =         2048]
"""
WRK2 = f"""Running 30s test @ http://127.0.0.1:80/index.html
  Thread Stats   Avg      Stdev     Max   +/- Stdev
  Latency Distribution (HdrHistogram - Recorded Latency)
 50.000%    0.99ms
  Detailed Percentile spectrum:
{JAVA}----------------------------------------------------------
  1000 requests in 30.00s, 19.89MB read
Requests/sec:   2000.12
"""


def read(tmp_path: Path, text: str | bytes, **options: Any) -> Result:
    path = tmp_path / "file"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (result,) = load(path, **options)
    return result


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(RttpError) as refused:
        read(tmp_path, text)
    assert refused.value.slug == "bad-result"
    return refused.value.message.partition("file: ")[2]


def response(result: Result) -> Histogram:
    return result.whole.histograms["response"]


def near(found: int | None, value: int) -> bool:
    # A cell shows its highest value; two digits of three are left where it was scaled.
    return found is not None and value <= found <= value * 1.002 + 1


def test_an_interval_log_has_its_tags_as_streams_and_its_lines_as_intervals(tmp_path: Path) -> None:
    result = read(tmp_path, LOG)
    assert (result.kind, result.exact, result.document) == ("interval log", True, None)
    assert response(result).samples == 1_000
    assert {part.name: part.histograms["response"].samples for part in result.streams} == {"fast": 990, "slow": 10}
    assert [(i.from_ns, i.length_ns, i.stream, i.sent) for i in result.intervals] == [
        (0, 1_000 * MS, "fast", None),
        (0, 1_000 * MS, "slow", None),
        (1_000 * MS, 1_000 * MS, "fast", None),
    ]
    assert result.duration_ns == 2_000 * MS
    assert result.whole.counts is None and result.whole.missing == 0
    assert result.notes == ("values read as ns; --unit says otherwise",)


def test_a_log_whose_times_are_dates_counts_from_its_start(tmp_path: Path) -> None:
    dated = LOG.replace(",1.000,1.000", ",1790000001.500,1.000").replace(",0.000,1.000", ",1790000000.500,1.000")
    assert [interval.from_ns for interval in read(tmp_path, dated).intervals] == [500 * MS, 500 * MS, 1_500 * MS]


def test_our_own_log_says_its_unit(tmp_path: Path) -> None:
    ours = "#[rttp: response from schedule by stream, ns; a lost pulse is a sample at its timeout]\n" + LOG
    assert read(tmp_path, ours).notes == ()


@pytest.mark.parametrize(("unit", "factor"), [("ns", 1), ("us", 1_000), ("ms", 1_000_000)])
def test_values_are_in_the_unit_that_is_said(tmp_path: Path, unit: str, factor: int) -> None:
    for text in (LOG, encoded({20 * US: 900, 4 * MS: 1})):
        result = read(tmp_path, text, unit=unit)
        assert near(response(result).max, 4 * MS * factor)
        assert near(response(result).at_rank(1), 20 * US * factor)
        assert result.notes == ()


def test_a_percentile_table_is_read_back_and_says_what_it_hides(tmp_path: Path) -> None:
    result = read(tmp_path, JAVA, unit="us")
    assert (result.kind, result.exact, result.whole.counts) == ("percentile table", False, None)
    assert response(result).samples == 1_000
    assert near(response(result).at_rank(900), 20_015)
    assert near(response(result).at_rank(901), 300_031)
    assert near(response(result).max, 4_001_791)
    assert "samples between two rows" in result.notes[-1]


def test_the_output_of_wrk2_is_in_ms(tmp_path: Path) -> None:
    result = read(tmp_path, WRK2)
    assert near(response(result).at_rank(900), 20_015_000)
    assert result.notes[0] == "values read as ms, as wrk2 prints them; --unit says otherwise"
    assert near(response(read(tmp_path, WRK2, unit="us")).at_rank(900), 20_015)


@pytest.mark.parametrize("csv", [False, True])
def test_a_table_of_the_python_library_has_the_percentiles_of_its_histogram(tmp_path: Path, csv: bool) -> None:
    made = HdrHistogram(1, 3_600_000_000_000, 3)
    for value, count in VALUES.items():
        made.record_value(value, count)
    file = io.BytesIO()
    made.output_percentile_distribution(file, 1.0, use_csv=csv)
    found = response(read(tmp_path, file.getvalue()))
    assert found.samples == 1_000
    for percentile in (50, 90, 99, 99.9, 100):
        assert near(found.quantile(percentile / 100), made.get_value_at_percentile(percentile)), percentile


def test_histograms_in_base64_are_added_up(tmp_path: Path) -> None:
    lines = "\n\n".join(encoded({value: count}) for value, count in VALUES.items())
    result = read(tmp_path, f"  {lines}\r\n")
    assert result.kind == "histogram"
    assert response(result).cells() == Histogram.decode(encoded(VALUES)).cells()
    assert result.notes[-1] == "3 histograms, added up"


def test_a_histogram_without_samples_is_a_result_without_samples(tmp_path: Path) -> None:
    assert read(tmp_path, encoded({})).whole.histograms == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LOG.replace("1.000,0.300", "x,0.300"), "line 6: "),
        (LOG[:-30], "line 6: "),
        ("#[StartTime: 1 (seconds since epoch)]\n", "an interval log without intervals"),
        (encoded(VALUES) + "\nHISTFAAA\n", "line 2: "),
        (JAVA.replace("300.031", "10.000"), "line 5: values, percentiles and counts of a table rise from row to row"),
        (JAVA.replace("300.031", "nan"), "line 5: values, percentiles and counts of a table rise from row to row"),
        (JAVA.replace("4001.791 1.0", "inf 1.0"), "line 6: found inf and 1000, expected a time below 146 years"),
        (JAVA.replace("300.031", "many"), "line 5: found `many 0.990000000000"),
        (JAVA.replace("0.9900", "1.9900"), "line 5: values, percentiles"),
        (JAVA.partition("    4001")[0], "the percentile table ends before 1.0; was it cut off?"),
        (JAVA.replace("=         1000]", "=         1001]"), "line 8: found a total count of 1,001, expected 1,000"),
        ("Value Percentile TotalCount\n\n1.0 1.0 0\n", "a percentile table without samples"),
        ("Value Percentile TotalCount\n\n", "the percentile table ends before 1.0"),
        ("Value Percentile TotalCount\n\n1.0 1.0 99999999999999999999999\n", "line 3: found 1.0 and 99999999999"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text).startswith(said)
