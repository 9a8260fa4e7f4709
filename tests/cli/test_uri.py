import hashlib
import json

import pytest

from .conftest import Run


def test_an_address_is_taken_apart(rttp: Run) -> None:
    done = rttp("uri", "--json", "rttp://vessel.rttp.aicent/tune")
    document = json.loads(done.out)
    assert done.code == 0
    assert document["route_shard"] == hashlib.sha256(b"vessel.rttp.aicent").digest()[:16].hex()
    assert (document["intent"], document["pillar"], document["root"]) == ("vessel", "rttp", "aicent")
    assert document["action"] == "tune"


@pytest.mark.parametrize(
    ("address", "at", "expected"),
    [
        ("http://a.b.c", 0, "the scheme"),
        ("rttp://a.b", 7, "exactly three labels"),
        ("rttp://a.b.c.d", 7, "exactly three labels"),
        ("rttp://a.B.c", 9, "`[a-z0-9-]`"),
        ("rttp://a.b.c:5", 12, "`[a-z0-9-]`"),
        ("rttp://u@a.b.c", 8, "`[a-z0-9-]`"),
        ("rttp://a..c", 9, "at least one character"),
        ("rttp://-a.b.c", 7, "no `-` at either end"),
        ("rttp://a.b-.c", 10, "no `-` at either end"),
        ("rttp://a.b.c/", 13, "an action"),
        ("rttp://a.b.c/x/y", 14, "`[a-z0-9-]`"),
        ("rttp://a.b.c/x?y", 14, "`[a-z0-9-]`"),
        ("rttp://a.b.c/%41", 13, "`[a-z0-9-]`"),
        ("rttp://a.b.c/-x", 13, "no `-` at either end"),
        ("rttp://a.b.c/abcdefghijklmnopq", 29, "at most 16"),
        ("rttp://" + "a" * 64 + ".b.c", 70, "at most 63"),
        ("rttp://ä.b.c", 7, "`[a-z0-9-]`"),
        ("", 0, "the scheme"),
        ("rttp://a.b.c\n", 12, "`[a-z0-9-]`"),
    ],
)
def test_what_is_no_address_is_refused_at_its_first_wrong_character(
    rttp: Run, address: str, at: int, expected: str
) -> None:
    done = rttp("uri", address)
    assert done.code == 3
    assert f"at character {at}: found" in done.err
    assert expected in done.err
    assert len(done.err.splitlines()) == 1


def test_all_addresses_are_checked_and_one_bad_one_fails_the_command(rttp: Run) -> None:
    done = rttp("uri", "--json", "-", stdin=b"rttp://a.b.c\nrttp://bad\n\nrttp://d.e.f/go\n")
    assert done.code == 3
    assert [d["authority"] for d in json.loads(done.out)] == ["a.b.c", "d.e.f"]
    assert done.err.count("error[bad-uri]") == 1
