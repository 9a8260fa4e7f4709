"""What decides latency on this host, as far as the kernel tells anybody who asks (docs/DOCTOR.md, key by key)."""

from pathlib import Path
from typing import Any

from rttp_cli.host.files import Files
from rttp_cli.host.interface import interface
from rttp_cli.host.processor import clock_source, processor
from rttp_cli.host.system import capabilities, container, irqbalance_running, kernel, load, memory, sysctls


def record(target_ip: str | None, root: Path = Path("/")) -> dict[str, Any]:
    """Settings and state of the host; `None` for what cannot be read.

    `target_ip` decides which interface is looked at, `None` is the embedded responder's. Never raises, needs no
    privilege, starts no process, sends nothing; a few ms. Files are read below `root`; allowed cores, the way to the
    target and its offloads always come from the running kernel.
    """
    files = Files(root)
    return {
        "processor": processor(files),
        "clock_source": clock_source(files),
        "kernel": kernel(files),
        "load": load(files),
        "memory": memory(files),
        "sysctl": sysctls(files),
        "capabilities": capabilities(files),
        "irqbalance": irqbalance_running(files),
        "container": container(files),
        "interface": interface(files, target_ip),
    }
