"""Wireshark's reader sees what our scapy layer writes as sound UDP on RTTP's port."""

import shutil
import subprocess

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from rttp_cli.wire.scapy_layer import RTTP

ETHER = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def tshark(path, *fields):
    """One row of field values per packet."""
    program = shutil.which("tshark")
    assert program, "tshark is not installed: apt-get install tshark"
    command = [program, "-n", "-r", str(path), "-o", "udp.check_checksum:TRUE", "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("network", [IP(src="192.0.2.1", dst="192.0.2.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")])
def test_tshark_reads_a_pulse_as_udp_of_the_right_length_with_a_good_checksum(tmp_path, network):
    pulses = [
        (RTTP(kind="PING", seq_id=1), 64),
        (RTTP(kind="DATA", seq_id=2) / Raw(b"\xa5" * 100), 164),
        (RTTP(kind="STREAM", seq_id=3, flags="FEC+SEALED") / Raw(b"\x5a" * 16), 90),
    ]
    path = tmp_path / "pulses.pcap"
    wrpcap(str(path), [Ether(**ETHER) / network / UDP(sport=40000) / pulse for pulse, _ in pulses])
    rows = tshark(path, "udp.dstport", "udp.length", "udp.checksum.status", "udp.payload")
    assert len(rows) == len(pulses)
    for (port, length, checksum, payload), (pulse, size) in zip(rows, pulses, strict=True):
        assert (port, int(length)) == ("21076", 8 + size)
        assert checksum == "1", "1 is good, 0 bad, 2 not checked"
        found = RTTP(bytes.fromhex(payload))
        assert (found.kind, found.seq_id, found.flags) == (pulse.kind, pulse.seq_id, pulse.flags)


def test_tshark_sees_a_checksum_that_is_wrong(tmp_path):
    path = tmp_path / "bad.pcap"
    wrpcap(str(path), [Ether(**ETHER) / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=40000, chksum=1) / RTTP()])
    assert tshark(path, "udp.checksum.status") == [["0"]]
