"""Writes the fuzz corpus anew: the golden vectors and addresses that show each rule. Run it from anywhere."""

import json
from pathlib import Path

import seed_capture
import seed_histogram
import seed_trace

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent.parent / "tests" / "vectors"
# Larger inputs slow the fuzzer down and teach it nothing.
LARGEST = 4096
ADDRESSES = [
    "rttp://intent.pillar.root",
    "rttp://intent.pillar.root/act",
    "rttp://a.b.c/0123456789abcdef",
    "rttp://a.b.c/0123456789abcdefg",
    "rttp://a.b.c/-x",
    "rttp://a.b.c/x-",
    "rttp://a.b.c/",
    "rttp://a.b.c/x/y",
    "rttp://a.b",
    "rttp://a.b.c.d",
    "rttp://a..c",
    "rttp://A.b.c",
    "rttp://user@a.b.c:1/x?y#z",
    "rttp://a.b.c/%41",
    "rttp://é.b.c",
    "rttp://-a.b.c",
    "rttp://a.b-.c",
    "http://a.b.c",
    "rttp://" + "a" * 63 + ".b.c",
    "rttp://" + "a" * 64 + ".b.c",
    "",
]


def unhex(text: str) -> bytes:
    """The notation of tests/vectors/README.md."""
    parts = (part.partition("*") for part in text.split())
    return b"".join(bytes.fromhex(digits) * int(times or 1) for digits, _, times in parts)


def write(target: str, seeds: list[bytes]) -> None:
    """Replaces the corpus of a target."""
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for i, seed in enumerate(seeds):
        (folder / f"{i:02}").write_bytes(seed)


vectors = [v for path in sorted(VECTORS.glob("*.json")) for v in json.loads(path.read_text())]
datagrams = [b"".join(map(unhex, v["hex"])) for v in vectors]
write("datagram", [d for d in datagrams if len(d) <= LARGEST])
write("uri", [a.encode() for a in ADDRESSES])
write("trace", seed_trace.SEEDS)
write("capture", seed_capture.CAPTURES)
write("packet", seed_capture.PACKETS)
write("histogram", seed_histogram.SEEDS)
