"""What may be asked of this host for a thread, checked before the core asks the kernel."""

from rttp_cli import _core
from rttp_cli.errors import RttpError


def check_fifo(fifo: int | None, *, spin: bool) -> None:
    """Refuses priorities out of range and real-time threads that spin. Raises `RttpError` bad-option."""
    if fifo is not None and not 0 <= fifo <= 99:
        raise RttpError("bad-option", f"`--fifo` is {fifo}, expected 1 to 99, or 0 for none")
    if fifo and spin:
        raise RttpError(
            "bad-option",
            "`--fifo` and `--spin` do not go together: the kernel takes the core from a real-time thread that spins"
            " for 50 ms in every second",
            "leave out one of them",
        )


def check_receive_buffer(size: int) -> None:
    """Refuses sizes that the kernel would cut without a word. Raises `RttpError` bad-option."""
    if not 4096 <= size <= 1 << 30:
        raise RttpError("bad-option", f"`--receive-buffer` is {size}, expected 4 KiB to 1 GiB")


def parse_cores(pin: str, most: int) -> list[int]:
    """Cores of `1` or `1,0`, each one that this process may use. Raises `RttpError` bad-option."""
    allowed = _core.allowed_cores()
    parts = pin.split(",")
    if len(parts) > most or not all(p.strip().isascii() and p.strip().isdigit() and len(p) < 8 for p in parts):
        names = "CORE or none" if most == 1 else "auto, none, CORE or SENDER,RESPONDER"
        raise RttpError("bad-option", f"`--pin` is `{pin[:40]}`, expected {names}")
    cores = [int(p) for p in parts]
    for core in cores:
        if core not in allowed:
            listed = ", ".join(map(str, allowed))
            raise RttpError("bad-option", f"`--pin` names core {core}, this process may use {listed}")
    return cores
