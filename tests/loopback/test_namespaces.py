"""A load and a node in two network namespaces with a cable of 1,500-byte frames between them.

Paths other than loopback: a smaller MTU, no route, ports that need a privilege, a host where nothing else listens.
"""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from loopback.ends import Program, Receiver, error_of, rttp

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root (ip netns)")

NODE = "10.77.0.1"
NODE6 = "fd77::1"


class Hosts(NamedTuple):
    """How to start a program on either host."""

    node: tuple[str, ...]
    load: tuple[str, ...]


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """Two namespaces, their names unique to this process, gone afterwards whatever happens."""
    assert shutil.which("ip"), "ip is not installed: apt-get install iproute2"
    node, load = (f"rttp-{end}-{os.getpid()}" for end in ("node", "load"))
    with contextlib.ExitStack() as undo:
        for name in (node, load):
            ip("netns", "add", name)
            # The cable goes with its ends.
            undo.callback(subprocess.run, ["ip", "netns", "del", name], check=False, capture_output=True)
        ip("link", "add", "cable", "netns", node, "type", "veth", "peer", "name", "cable", "netns", load)
        for name, ends in ((node, (f"{NODE}/24", f"{NODE6}/64")), (load, ("10.77.0.2/24", "fd77::2/64"))):
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "cable", "mtu", "1500", "up")
            ip("-n", name, "addr", "add", ends[0], "dev", "cable")
            # Without the search for duplicates the address is there at once.
            ip("-n", name, "addr", "add", ends[1], "dev", "cable", "nodad")
        yield Hosts(("ip", "netns", "exec", node), ("ip", "netns", "exec", load))


@contextlib.contextmanager
def node(hosts: Hosts, host: str = NODE) -> Iterator[Receiver]:
    with Receiver("--echo", host=host, port=21076, prefix=hosts.node) as receiver:
        assert receiver.address == (f"[{host}]:21076" if ":" in host else f"{host}:21076")
        yield receiver


def load(hosts: Hosts, target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return rttp("bench", "--json", "-t", target, "-d", "100ms", "-w", "20ms", *arguments, prefix=hosts.load)


@pytest.mark.parametrize("host", [NODE, NODE6])
@pytest.mark.parametrize("pace", [(), ("--rate", "2k")])
def test_both_hosts_count_the_same_pulses(hosts: Hosts, host: str, pace: tuple[str, ...]) -> None:
    with node(hosts, host) as receiver:
        # By its address alone: 21076 is the default.
        done = load(hosts, host, "--timeout", "10s", *pace)
        summary = receiver.summary()
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    counts, told = result["counts"], result["peer"]
    assert result["run"]["target"] == receiver.address
    assert counts["answered"] == counts["sent"] > 0
    assert (counts["lost"], counts["rejects"]) == (0, {})
    assert counts["sent_in_all"] == told["received"] == summary["received"]
    assert told["answered"] == summary["answered"] == summary["received"]


@pytest.mark.parametrize(("host", "largest"), [(NODE, 1472), (NODE6, 1452)])
def test_the_largest_pulse_that_fits_a_frame_goes_through_and_one_byte_more_does_not(
    hosts: Hosts, host: str, largest: int
) -> None:
    with node(hosts, host):
        fits = load(hosts, host, "-n", "10", "--size", str(largest))
        assert fits.returncode == 0, fits.stderr
        assert json.loads(fits.stdout)["counts"]["answered"] == 10
        assert error_of(load(hosts, host, "--size", str(largest + 1))) == (5, "too-large")


def test_a_pulse_larger_than_the_path_is_refused_with_its_size(hosts: Hosts) -> None:
    with node(hosts):
        done = load(hosts, NODE, "--size", "4000")
        assert error_of(done) == (5, "too-large")
        assert "4000 bytes" in done.stderr
        assert "smaller --size" in done.stderr


@pytest.mark.parametrize("target", ["192.0.2.1", "[2001:db8::1]:9", "10.78.0.1:9"])
def test_a_target_without_a_route_is_unreachable(hosts: Hosts, target: str) -> None:
    assert error_of(load(hosts, target)) == (4, "unreachable")


def test_a_host_where_nobody_listens_refuses(hosts: Hosts) -> None:
    done = load(hosts, f"{NODE}:9")
    assert error_of(done) == (4, "refused")
    assert f"{NODE}:9" in done.stderr


def test_a_low_port_needs_a_privilege(hosts: Hosts) -> None:
    program = shutil.which("setpriv")
    assert program, "setpriv is missing: apt-get install util-linux"
    capless = (program, "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", "--")
    done = rttp("recv", "-l", "127.0.0.1:80", prefix=(*hosts.node, *capless))
    assert error_of(done) == (5, "forbidden")
    assert "CAP_NET_BIND_SERVICE" in done.stderr


def test_by_default_a_node_is_not_seen_from_another_host(hosts: Hosts) -> None:
    with Program("recv", "--echo", prefix=hosts.node) as program:
        assert program.first_line().startswith("listening on 127.0.0.1:21076, ")
        assert error_of(load(hosts, NODE)) == (4, "refused")


def test_a_node_on_every_address_is_found_by_each(hosts: Hosts) -> None:
    with Receiver("--echo", host="::", port=21076, prefix=hosts.node):
        for target in (NODE, NODE6):
            done = load(hosts, target, "-n", "10")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["counts"]["answered"] == 10
