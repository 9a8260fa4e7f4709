"""The page of `--html` in Chromium: it shows its plots, light and dark, says nothing and asks for nothing."""

import http.server
import io
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from rttp_cli._core import Histogram
from rttp_cli.report.plot import html
from rttp_cli.report.plot.palette import DARK, LIGHT
from rttp_cli.report.result import CoreStalls, Interval, Part, Result, Stalls

PIECE_NS = 250_000_000


def sample() -> Result:
    histogram = Histogram.of((20_000 + 40 * i, 1) for i in range(5000))
    part = Part("<script>console.error('ran')</script>", {"response": histogram, "service": histogram})
    pieces = tuple(
        Interval(i * PIECE_NS, PIECE_NS, 250, 0, Histogram.of((20_000 + 800 * j, 1) for j in range(250)))
        for i in range(20)
    )
    stalls = Stalls(True, 100_000, (CoreStalls(0, "both", 1, 900_000, 900_000, ((1_500_000_000, 900_000),)),))
    return Result(part.name, "result", part, (part, part), (), pieces, stalls, duration_ns=20 * PIECE_NS)


@dataclass
class Seen:
    """What a browser did with a page."""

    asked: list[str]
    """Paths that it requested."""
    said: list[str]
    """Lines of its console."""
    output: bytes

    def colours(self) -> Counter[tuple[int, int, int]]:
        with Image.open(io.BytesIO(self.output)) as image:
            pixels = image.convert("RGB")
            return Counter({colour: n for n, colour in pixels.getcolors(1 << 24) or ()})  # type: ignore[misc]


@contextmanager
def served(page: str) -> Iterator[tuple[str, list[str]]]:
    """The page behind a loopback address, and the paths that are asked for meanwhile."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            data = page.encode() if self.path == "/page.html" else b""
            self.send_response(200 if data else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/page.html", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened(page: str, folder: Path, *, width: int = 1000, dark: bool = False, dump: bool = False) -> Seen:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser, "Chromium is missing: apt-get install chromium"
    picture = folder / "page.png"
    with served(page) as (address, asked):
        done = subprocess.run(
            [
                browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--disable-default-apps",
                # Nothing leaves this host: every name is ours, and what is asked of it is seen.
                f"--host-resolver-rules=MAP * {address.split('/')[2]}", "--no-proxy-server",
                # Chromium would ask its maker for the time.
                "--disable-features=NetworkTimeServiceQuerying", "--enable-logging=stderr",
                f"--user-data-dir={folder / 'profile'}", f"--window-size={width},2400",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                "--dump-dom" if dump else f"--screenshot={picture}", address,
            ],
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
    log = done.stderr.decode(errors="replace")
    assert done.returncode == 0, log
    said = [line for line in log.splitlines() if "CONSOLE" in line]
    return Seen(asked, said, done.stdout if dump else picture.read_bytes())


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@pytest.mark.parametrize(("dark", "width"), [(False, 1000), (True, 1000), (False, 500)])
def test_a_page_shows_its_plots_and_asks_for_nothing(tmp_path: Path, dark: bool, width: int) -> None:
    seen = opened(html.render([sample()]), tmp_path, width=width, dark=dark)
    assert (seen.asked, seen.said) == (["/page.html"], [])
    colours, palette = seen.colours(), DARK if dark else LIGHT
    assert colours.most_common(1)[0][0] == rgb(palette.paper)
    # Areas of the heat map and lines of the curves.
    assert sum(colours[rgb(colour)] for colour in palette.heat) > 5000
    assert colours[rgb(palette.lines[0])] > 100


def test_all_of_a_page_is_there_when_it_was_parsed(tmp_path: Path) -> None:
    text = opened(html.render([sample()]), tmp_path, dump=True).output.decode()
    assert text.count("<svg") == 3
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_page_that_runs_and_loads_something_would_be_caught(tmp_path: Path) -> None:
    page = "<!doctype html><script>console.error('ran')</script><img src=/other.png><img src=http://rttp.invalid/x.png>"
    seen = opened(page, tmp_path)
    assert {"/other.png", "/x.png"} <= set(seen.asked)
    assert any("ran" in line for line in seen.said)
