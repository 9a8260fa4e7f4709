"""What a run is asked to do, checked before anything is sent."""

from dataclasses import dataclass, field
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

Mode = Literal["ping-pong", "open-loop"]


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
class BenchOptions:
    """A run. Times are in ns, sizes in bytes, rates in pulses per second."""

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
    spin: bool = False
    pin: str = "auto"
    """`auto`, `none`, SENDER or SENDER,RESPONDER."""
    fifo: int | None = None
    """Priority of the embedded responder; `None` decides by mode, 0 is off."""
    awake: bool = True
    lock_memory: bool = False
    meter: bool = True
    stamps: bool = False
    receive_buffer: int = 16 << 20
    seed: int | None = None
    """First sequence number; `None` takes one from the clock."""
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self._check_pace()
        self._check_ranges()
        check_receive_buffer(self.receive_buffer)
        self._check_faults()
        self._check_fifo()

    def _check_pace(self) -> None:
        if self.mode == "open-loop" and self.rate is None:
            raise RttpError("bad-option", "`--mode open-loop` needs a `--rate`")
        if self.mode == "ping-pong" and self.rate is not None:
            raise RttpError(
                "bad-option", "`--rate` belongs to `--mode open-loop`; ping-pong goes as fast as it is answered"
            )

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
        for option, found, good, expected in checks:
            if not good:
                raise RttpError("bad-option", f"`--{option}` is {found}, expected {expected}")

    def _check_faults(self) -> None:
        faults, rate = self.faults, self.rate or 0.0
        if faults.reorder and self.rate is None:
            raise RttpError("bad-option", "`--fault reorder` needs `--rate`: in ping-pong no next pulse overtakes")
        held = rate * faults.delay
        if held > MAX_HELD or held * self.size > MAX_HELD_BYTES or not 0 <= faults.delay < 3600:
            raise RttpError(
                "bad-option", f"`--fault delay` holds {held:,.0f} pulses of {self.size} bytes at this rate", "lower one"
            )

    def _check_fifo(self) -> None:
        check_fifo(self.fifo, spin=self.spin)
        if self.fifo and self.target is not None:
            raise RttpError("bad-option", "`--fifo` is for the embedded responder", "give it to `rttp recv` there")

    @property
    def open_loop(self) -> bool:
        """Whether pulses leave by the clock."""
        return self.rate is not None

    @property
    def embedded(self) -> bool:
        """Whether the responder is ours."""
        return self.target is None


@dataclass(frozen=True)
class Seats:
    """Where the two ends run: cores (or `None`), and whether the responder gets a real-time priority."""

    sender: int | None
    responder: int | None
    fifo: int | None
    fifo_required: bool


def choose_seats(options: BenchOptions, allowed: list[int] | None = None) -> Seats:
    """Cores for both ends.

    A blocking ping-pong runs both on one core: the pulse wakes its reader where it arrives, and no idle core has to be
    woken. Everything else gives each end a core of its own, if there are two.
    """
    allowed = allowed if allowed is not None else _core.allowed_cores()
    sender, responder = _cores(options, allowed)
    own_core = responder is not None and responder != sender
    blocking = options.embedded and not options.spin
    if options.spin and options.embedded and sender is not None and sender == responder:
        raise RttpError(
            "bad-option", f"`--spin` with both ends on core {sender}: each would wait for the other to yield"
        )
    if options.fifo is not None:
        return Seats(sender, responder, options.fifo or None, True)
    automatic = blocking and own_core and options.open_loop
    return Seats(sender, responder, RESPONDER_FIFO if automatic else None, False)


def _cores(options: BenchOptions, allowed: list[int]) -> tuple[int | None, int | None]:
    if options.pin == "none":
        return None, None
    if options.pin == "auto":
        last = allowed[-1]
        if not options.embedded:
            return last, None
        if not options.spin and not options.open_loop:
            return last, last
        if len(allowed) > 1:
            return last, allowed[-2]
        if options.spin:
            raise RttpError("bad-option", "`--spin` needs two cores, this process may use one", "leave out --spin")
        return last, last
    cores = parse_cores(options.pin, most=2 if options.embedded else 1)
    return cores[0], (cores[-1] if options.embedded else None)
