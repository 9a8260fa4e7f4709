"""Makes every capture of this folder with its sidecar, and README.md: the same bytes each time.

`python captures/make.py` writes them, `python captures/make.py --check` says whether those that are there are the ones
it makes, and exits with 1 if not.
"""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import hostile
import traffic
from containers import Interface, gz, pcap, pcapng_section, zst
from frames import ETHERNET
from ledger import Scene, Tree, expected

FOLDER = Path(__file__).parent
DAMAGED = 3
"""The exit code of a capture with warnings."""
ABOUT = """\
# Captures

Small captures of RTTP traffic, for trying `rttp decode` and for testing readers of captures. All of it is made up,
by `make.py`: addresses are those of documentation (RFC 5737, RFC 3849), keys, payloads and repair symbols are noise.
Licence: MIT, as the project.

Beside each capture, `NAME.json` says what was put into it and what `rttp decode --summary --json` must therefore
count: `expected` is a part of that document (docs/DECODE.md), `exit_code` the command's, `options` what the decoder
needs to see it. The counts come from the generator (`ledger.py`), never from a decoder.

```sh
python captures/make.py           # makes them, byte for byte the same each time
python captures/make.py --check   # says whether they are what it makes
```

| file | makes |
|---|---|
| `make.py` | everything here, through the files below |
| `traffic.py` | sound traffic, and what networks and capturing do to it |
| `hostile.py` | broken rules, damaged files |
| `sender.py` | pulses with numbers and times, through the package's own encoder |
| `frames.py` | packets of links and other protocols, through scapy |
| `containers.py` | files: pcap through scapy; pcapng and zstd by hand |
| `ledger.py` | the counts of the sidecars |

| capture | holds | to try |
|---|---|---|
"""


def main(arguments: list[str]) -> int:
    """Writes or checks; the exit code."""
    made = make()
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: make.py [--check]\n")
        return 2
    if not arguments:
        for name, data in made.items():
            (FOLDER / name).write_bytes(data)
        return 0
    wrong = [name for name, data in made.items() if not _same(FOLDER / name, data)]
    there = {path.name for path in FOLDER.iterdir() if path.suffix not in (".py", ".pyc") and path.is_file()}
    wrong += sorted(there - made.keys())
    for name in wrong:
        sys.stderr.write(f"{name}: not what make.py makes\n")
    return 1 if wrong else 0


def make() -> dict[str, bytes]:
    """Every file of the folder by name, but for the scripts."""
    files: dict[str, bytes] = {}
    rows = []
    for scene, data, sidecar in _captures():
        files[scene.name] = data
        files[f"{scene.name}.json"] = (json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n").encode()
        # A bar would end the cell.
        command = f"rttp decode captures/{scene.command}".replace("|", "\\|")
        rows.append(f"| `{scene.name}` | {scene.holds} | `{command}` |\n")
    files["README.md"] = (ABOUT + "".join(rows)).encode()
    return files


def _captures() -> list[tuple[Scene, bytes, Tree]]:
    plain = [traffic.session(), traffic.dialects(), traffic.loss_and_reorder(), *hostile.malicious()]
    plain += [traffic.only_foreign(), traffic.mixed(), *traffic.on_links(), traffic.other_port()]
    captures = [(scene, pcap(scene.captured(), scene.link), _sidecar(scene)) for scene in plain]
    for scene, data, warnings in (hostile.truncated(), hostile.bit_flipped()):
        captures.append((scene, data, _sidecar(scene, warnings=warnings)))
    snapped = traffic.snapped()
    captures.append((snapped, pcap(snapped.captured(), ETHERNET, snap=128), _sidecar(snapped)))
    snapshot, one = traffic.snapshot(), [Interface("eth0", ETHERNET, 9)]
    data = pcapng_section(snapshot.captured(), one, "<", "a context snapshot")
    captures.append((snapshot, data, _sidecar(snapshot, interfaces=one)))
    both, data = hostile.two_interfaces()
    four = [Interface("eth0", 1), Interface("tun0", 101, 9), Interface("any", 276, 9), Interface("eth1", 1, 3)]
    captures.append((both, data, _sidecar(both, interfaces=four)))
    captures.append(_as_gzip())
    captures.append(_as_zstd())
    return captures


def _as_gzip() -> tuple[Scene, bytes, Tree]:
    scene = replace(
        traffic.session(),
        name="session.pcap.gz",
        made="session.pcap, by Python's gzip without a time",
        holds="session.pcap, compressed by gzip.",
        command="session.pcap.gz --summary",
    )
    return scene, gz(pcap(scene.captured(), ETHERNET)), _sidecar(scene, compression="gzip")


def _as_zstd() -> tuple[Scene, bytes, Tree]:
    scene = replace(
        traffic.session(),
        name="session.pcapng.zst",
        made="session.pcap as pcapng in a zstd frame of raw blocks, both by hand",
        holds="The packets of session.pcap as pcapng, in a zstd frame.",
        command="session.pcapng.zst --summary",
    )
    one = [Interface("eth0", ETHERNET, 9)]
    data = zst(pcapng_section(scene.captured(), one, "<", "a session"))
    return scene, data, _sidecar(scene, compression="zstd", interfaces=one)


def _sidecar(
    scene: Scene,
    *,
    warnings: list[dict[str, Any]] | None = None,
    compression: str | None = None,
    interfaces: list[Interface] | None = None,
) -> Tree:
    listed = interfaces or [Interface("", scene.link, 9)]
    described = [
        {"name": interface.name or None, "link_type": interface.link, "ticks_per_s": 10**interface.digits}
        for interface in listed
    ]
    capture = {
        "format": "pcapng" if interfaces else "pcap",
        "compression": compression,
        "packets": len(scene.packets),
        "interfaces": described,
    }
    return {
        "capture": scene.name,
        "made": f"by make.py: {scene.made}",
        "holds": scene.holds,
        "options": scene.options,
        "exit_code": DAMAGED if warnings else 0,
        "expected": {
            "captures": [capture],
            **expected(scene.packets),
            "warnings": {"count": len(warnings or []), "list": warnings or []},
        },
    }


def _same(path: Path, data: bytes) -> bool:
    """Whether a file is that; of gzip what it holds, since other versions of zlib compress otherwise."""
    if not path.is_file():
        return False
    there = path.read_bytes()
    return there == data or (path.suffix == ".gz" and gzip.decompress(there) == gzip.decompress(data))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
