"""What a run is asked to do, checked before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.host import check_fifo, check_receive_buffer, parse_cores

HEADER = 64
MAX_PULSE = 65_507
MAX_RATE = 1e8
MAX_HELD, MAX_HELD_BYTES = 1 << 18, 1 << 30
"""What the fault link may hold back."""
RESPONDER_FIFO = 50
"""Priority of an embedded responder that blocks on a core of its own: above every ordinary thread."""

Mode = Literal["ping-pong", "open-loop", "flood"]


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What happens to pulses on their way out: probabilities, and a delay in seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class HostOptions:
    """How a run uses this host, whatever it sends. Times are in ns, sizes in bytes."""

    spin: bool = False
    pin: str = "auto"
    """`auto`, `none`, or cores: senders first, then the embedded responder."""
    threads: int = 1
    """Sending threads for each target."""
    fifo: int | None = None
    """Priority of the embedded responder; `None` decides by mode, 0 is off."""
    awake: bool = True
    lock_memory: bool = False
    meter: bool = True
    stamps: bool = False
    receive_buffer: int = 16 << 20
    segments: int = 1
    """Pulses handed to the kernel in one call (segmentation offload)."""
    interval_ns: int = 1_000_000_000
    """Length of the intervals that are logged and shown."""
    interval_log: Path | None = None
    """Where the intervals' histograms go (.hlog)."""
    slowest: int = 32
    """So many of the slowest pulses are kept with their timeline."""
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        check_receive_buffer(self.receive_buffer)
        check_fifo(self.fifo, spin=self.spin)
        checks = [
            ("threads", self.threads, 1 <= self.threads <= 64, "1 to 64"),
            ("segments", self.segments, 1 <= self.segments <= 64, "1 to 64"),
            ("interval", f"{self.interval_ns} ns", self.interval_ns >= 10_000_000, "at least 10ms"),
            ("slowest", self.slowest, 0 <= self.slowest <= 10_000, "0 to 10,000"),
        ]
        _refuse(checks)


@dataclass(frozen=True, kw_only=True)
class BenchOptions(HostOptions):
    """A run of one stream. Rates are in pulses per second."""

    target: str | None = None
    """HOST or HOST:PORT; `None` starts a responder in this process."""
    mode: Mode | None = None
    """By default open loop when a rate is given, else ping-pong."""
    rate: float | None = None
    size: int = 138
    """Whole pulse: header and payload."""
    priority: int = 128
    duration_ns: int = 5_000_000_000
    warmup_ns: int = 500_000_000
    count: int | None = None
    timeout_ns: int = 1_000_000_000
    seed: int | None = None
    """First sequence number; `None` takes one from the clock."""

    def __post_init__(self) -> None:
        self._check_pace()
        self._check_ranges()
        super().__post_init__()
        self._check_faults()
        if self.fifo and self.target is not None:
            raise RttpError("bad-option", "`--fifo` is for the embedded responder", "give it to `rttp recv` there")

    def _check_pace(self) -> None:
        if self.mode in ("open-loop", "flood") and (self.rate is None) != (self.mode == "flood"):
            needs = (
                "needs a `--rate`" if self.mode == "open-loop" else "has no `--rate`: it sends as fast as the host does"
            )
            raise RttpError("bad-option", f"`--mode {self.mode}` {needs}")
        if self.mode == "ping-pong" and self.rate is not None:
            raise RttpError(
                "bad-option", "`--rate` belongs to `--mode open-loop`; ping-pong goes as fast as it is answered"
            )
        if self.segments > 1 and self.mode != "flood":
            raise RttpError("bad-option", "`--segments` belongs to `--mode flood`: a pulse on schedule leaves alone")

    def _check_ranges(self) -> None:
        rate, seconds = self.rate, self.duration_ns / 1e9
        checks = [
            ("duration", f"{seconds:g} s", seconds >= 0.001, "at least 1ms"),
            ("rate", rate, rate is None or 0 < rate <= MAX_RATE, f"above 0 and at most {MAX_RATE:g} a second"),
            ("rate", rate, rate is None or rate * seconds >= 2, f"at least two pulses in {seconds:g} s (`--duration`)"),
            ("size", self.size, HEADER <= self.size <= MAX_PULSE, f"{HEADER} (a bare header) to {MAX_PULSE:,} bytes"),
            ("priority", self.priority, 0 <= self.priority <= 255, "0 to 255"),
            ("count", self.count, self.count is None or 0 < self.count < 1 << 63, "at least 1, below 2^63"),
            ("timeout", f"{self.timeout_ns} ns", self.timeout_ns >= 10_000, "at least 10us"),
            ("seed", self.seed, self.seed is None or 0 <= self.seed < 1 << 32, "0 to 2^32-1"),
        ]
        _refuse(checks)

    def _check_faults(self) -> None:
        faults, rate = self.faults, self.rate or 0.0
        if faults.reorder and self.rate is None:
            raise RttpError("bad-option", "`--fault reorder` needs `--rate`: in ping-pong no next pulse overtakes")
        held = rate * faults.delay
        if held > MAX_HELD or held * self.size > MAX_HELD_BYTES or not 0 <= faults.delay < 3600:
            raise RttpError(
                "bad-option", f"`--fault delay` holds {held:,.0f} pulses of {self.size} bytes at this rate", "lower one"
            )

    @property
    def open_loop(self) -> bool:
        """Whether pulses leave by the clock."""
        return self.rate is not None

    @property
    def embedded(self) -> bool:
        """Whether the responder is ours."""
        return self.target is None


def _refuse(checks: Sequence[tuple[str, object, bool, str]]) -> None:
    for option, found, good, expected in checks:
        if not good:
            raise RttpError("bad-option", f"`--{option}` is {found}, expected {expected}")


@dataclass(frozen=True)
class Seats:
    """Where the ends run: cores (or `None`), and whether the responder gets a real-time priority."""

    senders: tuple[int | None, ...]
    responder: int | None
    fifo: int | None
    fifo_required: bool


def choose_seats(
    host: HostOptions, *, closed: bool, embedded: bool, workers: int = 1, allowed: list[int] | None = None
) -> Seats:
    """Cores for all ends.

    A blocking ping-pong runs both ends on one core: the pulse wakes its reader where it arrives, and no idle core has
    to be woken. Everything else gives each end a core of its own, as far as there are some.
    """
    allowed = allowed if allowed is not None else _core.allowed_cores()
    senders, responder = _cores(host, closed, embedded, workers, allowed)
    own_core = responder is not None and responder not in senders
    if host.spin and embedded and responder is not None and not own_core:
        raise RttpError(
            "bad-option", f"`--spin` with both ends on core {responder}: each would wait for the other to yield"
        )
    if host.fifo is not None:
        return Seats(senders, responder, host.fifo or None, True)
    automatic = embedded and not host.spin and own_core and not closed
    return Seats(senders, responder, RESPONDER_FIFO if automatic else None, False)


def _cores(
    host: HostOptions, closed: bool, embedded: bool, workers: int, allowed: list[int]
) -> tuple[tuple[int | None, ...], int | None]:
    if host.pin == "none":
        return (None,) * workers, None
    if host.pin == "auto":
        return _chosen(host, closed, embedded, workers, allowed)
    cores = parse_cores(host.pin, most=workers + 1 if embedded else workers)
    if embedded and len(cores) > workers:
        return tuple(cores[:workers]), cores[workers]
    senders = tuple(cores[min(i, len(cores) - 1)] for i in range(workers))
    return senders, (cores[-1] if embedded else None)


def _chosen(
    host: HostOptions, closed: bool, embedded: bool, workers: int, allowed: list[int]
) -> tuple[tuple[int | None, ...], int | None]:
    # From the last core down: interrupts and housekeeping are mostly on the first.
    order = allowed[::-1]
    senders = tuple(order[i % len(order)] for i in range(workers))
    if embedded and host.spin and len(order) <= workers:
        raise RttpError(
            "bad-option",
            f"`--spin` needs {workers + 1} cores, this process may use {len(order)}",
            "leave out --spin",
        )
    if not embedded:
        responder = None
    elif closed and not host.spin:
        responder = senders[0]
    else:
        responder = order[workers] if len(order) > workers else order[-1]
    return senders, responder
