"""`rttp report` as a command: forms, options that do not go together, files, errors."""

import json
from pathlib import Path

import pytest
from unit.result_samples import MS, US, as_bytes, changed, document, encoded, with_intervals

from cli.conftest import Run
from rttp_cli.report.gate import TIMES
from rttp_cli.report.source.model import METRICS as OF_DOCUMENTS

MADE = document({"control": {20 * US: 900, MS: 100}, "bulk": {50 * US: 500}}, lost=7)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With two runs, the log of one, and a histogram."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_bytes(as_bytes(MADE))
    (tmp_path / "b.json").write_bytes(as_bytes(with_intervals(document(seed=2), [({20 * US: 1_000}, 0)])))
    (tmp_path / "b.hlog").write_text(f"Tag=pulses,0.0,1.0,0.02,{encoded({20 * US: 1_000})}\n", encoding="ascii")
    (tmp_path / "h.txt").write_text(encoded({30 * US: 40}), encoding="ascii")
    return tmp_path


def test_one_run_is_shown_as_the_bench_shows_it(rttp: Run, folder: Path) -> None:
    done = rttp("report", "a.json")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("rttp bench: open loop at 1,000/s")
    assert "round trip from schedule" in done.out


def test_a_file_of_another_program_is_a_table(rttp: Run, folder: Path) -> None:
    done = rttp("report", "h.txt", "--unit", "us")
    assert done.code == 0
    assert done.out.startswith("rttp report: h.txt (histogram)") and "30.0 ms" in done.out
    assert "values read as ns" in rttp("report", "h.txt").out


def test_several_stand_side_by_side_and_merged_they_are_one(rttp: Run, folder: Path) -> None:
    assert len(rttp("report", "a.json", "b.json").out.splitlines()) == 3
    merged = rttp("report", "a.json", "b.json", "--merge")
    assert merged.out.startswith("rttp report: 2 results: a.json, b.json (result, 2 runs)")
    assert "2,507 samples" in merged.out


def test_a_folder_is_all_results_in_it_but_no_run_twice(rttp: Run, folder: Path) -> None:
    document = json.loads(rttp("report", ".", "--json").out)
    assert [result["source"] for result in document["results"]] == ["a.json", "b.json"]
    (folder / "empty").mkdir()
    done = rttp("report", "empty")
    assert done.code == 3 and "has no file that ends in .json or .hlog or .hgrm" in done.err


def test_standard_input_is_read(rttp: Run, folder: Path) -> None:
    done = rttp("report", "-", "--json", stdin=as_bytes(MADE))
    assert json.loads(done.out)["results"][0]["source"] == "stdin"


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("--json", '{\n "schema": "rttp.report/1"'),
        ("--csv", "source,of,name,metric"),
        ("--markdown", "| response | |"),
        ("--hgrm", "       Value     Percentile"),
    ],
)
def test_each_form_goes_to_stdout_or_to_a_file(rttp: Run, folder: Path, form: str, start: str) -> None:
    done = rttp("report", "a.json", form)
    assert done.code == 0 and done.out.startswith(start)
    written = rttp("report", "a.json", form, "-o", "out.txt")
    assert (written.code, written.out) == (0, "")
    assert (folder / "out.txt").read_text(encoding="utf-8") == done.out


def test_metrics_and_percentiles_are_those_asked_for(rttp: Run, folder: Path) -> None:
    document = json.loads(rttp("report", "a.json", "--json", "--metric", "service", "--percentiles", "99.5, 10,50").out)
    latency = document["results"][0]["whole"]["latency"]
    assert list(latency) == ["service"]
    assert [p["name"] for p in latency["service"]["percentiles"]] == ["P10", "P50", "P99.5"]
    assert "service   " in rttp("report", "a.json", "--metric", "service").out
    assert set(OF_DOCUMENTS) <= set(TIMES)


def test_slices_are_cut_before_anything_is_merged(rttp: Run, folder: Path) -> None:
    document = json.loads(rttp("report", "a.json", "a.json", "--stream", "bulk", "--merge", "--json").out)
    assert document["results"][0]["whole"]["counts"]["sent"] == 1_000
    assert json.loads(rttp("report", "a.json", "--priority", "0..255", "--json").out)["results"][0]["bands"]
    (piece,) = json.loads(rttp("report", "b.json", "--from", "0s", "--to", "100ms", "--json").out)["results"]
    assert piece["notes"] == ["of 0 ns … 100 ms alone, by whole intervals"]


def test_plots_are_in_the_text_where_they_are_asked_for(rttp: Run, folder: Path) -> None:
    assert "response by percentile" not in rttp("report", "b.json").out
    assert "response by percentile" in rttp("report", "b.json", "--plots").out


def test_pages_and_images_are_written_and_nothing_is_printed(rttp: Run, folder: Path) -> None:
    done = rttp("report", "a.json", "b.json", "--html", "r.html", "--svg", "r.svg", "--plot", "curve")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (folder / "r.html").read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert "<svg" in (folder / "r.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--json", "--csv"], 2, "error[usage]: `--json` and `--csv` do not go together"),
        (["--plot", "heat"], 2, "say --png FILE or --svg FILE"),
        (["--plots", "--json"], 2, "`--plots` and `--json` do not go together"),
        (["--plots", "--html", "x.html"], 2, "`--plots` draws into the text"),
        (["b.json", "--hgrm"], 2, "`--hgrm` is of one result, there are 2"),
        (["--hgrm", "--metric", "service", "--metric", "response"], 2, "`--hgrm` is of one metric"),
        (["b.json", "--percentiles", "50"], 2, "results side by side have one metric and fixed percentiles"),
        (["--percentiles", "100"], 2, "error[bad-option]: `--percentiles`: `100` is not between 0 and 100"),
        (["--percentiles", "nan"], 2, "`nan` is not between 0 and 100"),
        (["--percentiles", "p99"], 2, "`p99` is not a number"),
        (["--priority", "9"], 2, "error[bad-option]: `--priority`: `9` is not a range such as 128..255"),
        (["--priority", "200..100"], 2, "is not a range"),
        (["--priority", "0..255", "--stream", "bulk"], 2, "ask for them alone"),
        (["--from", "2"], 2, "error[bad-option]: `--from`: `2` needs a unit"),
        (["--from", "1s"], 3, "error[bad-result]: a.json: it has no intervals"),
        (["--stream", "contrl"], 2, "hint: did you mean `control`?"),
        (["--metric", "respons"], 2, "hint: did you mean `response`?"),
        (["--metric", "wakeup"], 3, "error[bad-result]: a.json: no samples of `wakeup`"),
        (["--unit", "min"], 2, "error[usage]"),
        (["-o", "absent/x.txt"], 5, "error[unwritable]"),
        (["--png", "."], 5, "error[unwritable]"),
        (["absent.json"], 3, "error[unreadable]: `absent.json`"),
    ],
)
def test_what_cannot_be_is_said(rttp: Run, folder: Path, args: list[str], code: int, said: str) -> None:
    done = rttp("report", "a.json", *args)
    assert (done.code, done.out) == (code, "")
    assert said in done.err and "Traceback" not in done.err


def test_a_result_without_samples_is_no_silent_table(rttp: Run, folder: Path) -> None:
    (folder / "none.txt").write_text(encoded({}), encoding="ascii")
    for form in ([], ["--json"], ["--csv"], ["--markdown"], ["--hgrm"]):
        done = rttp("report", "none.txt", *form)
        assert (done.code, done.out) == (3, "") and "no samples of `response`" in done.err


def test_a_bad_file_stops_everything_and_is_named(rttp: Run, folder: Path) -> None:
    (folder / "c.json").write_bytes(as_bytes(changed(MADE, "streams.1.counts.lost", -1)))
    done = rttp("report", "a.json", "c.json", "--merge", "-o", "out.txt")
    assert done.code == 3
    assert "error[bad-result]: c.json: streams[1].counts.lost: found -1, expected 0 or more" in done.err
    assert not (folder / "out.txt").exists()


def in_pieces(seed: int, slow: int) -> bytes:
    """Of ten pieces one has all the slow pulses of the run."""
    fast = {20 * US: 900}
    values = {"control": {20 * US: 9_000, MS: slow}, "bulk": {50 * US: 500}}
    spread = [({**fast, 50 * US: 50, **({MS: slow} if i == 3 else {})}, 0) for i in range(10)]
    return as_bytes(with_intervals(document(values, seed=seed), spread))


def test_a_stream_alone_is_as_sure_as_beside_the_others(rttp: Run, folder: Path) -> None:
    (folder / "c.json").write_bytes(in_pieces(3, 100))
    whole = json.loads(rttp("report", "c.json", "--json").out)["results"][0]
    for stream in whole["streams"]:
        (alone,) = json.loads(rttp("report", "c.json", "--stream", stream["name"], "--json").out)["results"]
        assert alone["whole"] == stream | {"name": ""}
    assert whole["streams"][0]["latency"]["response"]["percentiles"][2]["inflation"] > 10


def test_merged_runs_are_as_sure_as_a_gate_takes_them_for(rttp: Run, folder: Path) -> None:
    for i in range(4):
        (folder / f"c{i}.json").write_bytes(in_pieces(3 + i, 50 * i))
    files = [f"c{i}.json" for i in range(4)] + ["a.json"]
    (merged,) = json.loads(rttp("report", "--merge", *files, "--json").out)["results"]
    at = merged["whole"]["latency"]["response"]["percentiles"][2]
    judged = json.loads(rttp("gate", *files, "-e", "p99 < 10s", "--no-profile-gates", "--json").out)
    (verdict,) = judged["results"][0]["gates"]
    assert (verdict["observed"], verdict["interval"]) == (at["value_ns"], [at["lower_ns"], at["upper_ns"]])
    assert at["inflation"] > 2


def test_names_that_no_system_takes_are_refused(rttp: Run, folder: Path) -> None:
    for arguments, code, slug in (
        (["x" * 300], 3, "unreadable"),
        (["a.json", "-o", "x" * 300], 5, "unwritable"),
        (["a.json", "--html", "x" * 300], 5, "unwritable"),
        (["\udcff.json"], 3, "unreadable"),
    ):
        done = rttp("report", *arguments)
        assert (done.code, done.out) == (code, "") and done.err.startswith(f"error[{slug}]: ")


@pytest.mark.parametrize("form", ["--json", "--csv", "--markdown", "--hgrm", "--plots", "--html", "--svg", "-o"])
def test_names_that_are_no_text_are_read_and_written(rttp: Run, folder: Path, form: str) -> None:
    name = "\udcff.json"
    (folder / name).write_bytes(as_bytes(with_intervals(MADE, [({20 * US: 300}, 0)])))
    out = folder / "o\udcfe.svg"
    writes = form in ("--html", "--svg", "-o")
    done = rttp("report", name, form, *([str(out)] if writes else []))
    assert (done.code, done.err) == (0, "")
    assert "\udcff" not in (out.read_text(encoding="utf-8") if writes else done.out)


@pytest.mark.parametrize("option", ["--html", "--png", "--svg", "-o"])
def test_a_result_is_not_overwritten_by_what_is_made_of_it(rttp: Run, tmp_path: Path, option: str) -> None:
    path = tmp_path / ("run.png" if option == "--png" else "run.svg" if option == "--svg" else "run.json")
    path.write_bytes(as_bytes(document()))
    done = rttp("report", str(path), option, str(path))
    assert (done.code, done.out) == (2, "")
    assert "would be overwritten" in done.err
    assert path.read_bytes() == as_bytes(document())
