"""Typed face of the native module: the protocol's codec, the responder and the load engine.

Every function over a batch releases the GIL. Batches cross this border, never single pulses in flight.
Requirement numbers (`RTTP-3.2`) refer to docs/PROTOCOL.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypedDict, final

from typing_extensions import Buffer

ByteOrder = Literal["big", "little"]

def build_info() -> tuple[str, str, str]:
    """Version of the package, build profile (`release` or `debug`), commit (`unknown` outside a git checkout)."""

class FieldRow(TypedDict):
    """One row of a dialect table (`RTTP-1`)."""

    name: str
    offset: int
    """Bytes from the start of the datagram."""
    size: int
    """Width in bytes."""
    type: Literal["uint", "bytes", "text"]
    rule: Literal["any", "exactly", "one-of", "bits", "at-most", "non-zero", "sent-zero"]
    slug: str | None
    """The reject slug when the rule is broken."""
    bound: int | None
    """The number of `exactly` and `at-most`."""
    names: dict[str, int]
    """Names of values (`one-of`) or of single bits (`bits`)."""
    when_flag: str | None
    """The row is only there when this flag is set."""
    default: int | Literal["now", "computed"]
    doc: str

class Layout(TypedDict):
    """One dialect."""

    name: str
    byte_order: ByteOrder
    fixed_length: int
    """Bytes that every header has."""
    doc: str
    fields: list[FieldRow]

def layouts() -> list[Layout]:
    """The dialect tables, the default (`rttp1`) first; `struct74` is there in both byte orders."""

def slugs() -> list[tuple[int, str, str]]:
    """Every reject slug: its code in columns (1 …), its name, its rule in words."""

@final
class Reject:
    """A refused datagram: the rule it broke and where that shows."""

    @property
    def slug(self) -> str: ...
    @property
    def offset(self) -> int:
        """Bytes from the start of the datagram; for `truncated` the length at which it ended."""
    @property
    def meaning(self) -> str:
        """The rule in words."""

@final
class Parsed:
    """What a datagram holds, good or not."""

    @property
    def dialect(self) -> str: ...
    @property
    def byte_order(self) -> ByteOrder: ...
    @property
    def fields(self) -> dict[str, int | bytes | str]:
        """Rows that are there, in table order: an optional row only with its flag, none that the datagram cuts off."""
    @property
    def reject(self) -> Reject | None:
        """The first broken rule, `None` for a good pulse."""
    @property
    def header_length(self) -> int:
        """Where the payload starts, bytes: after the last row, for a pulse that is not good."""
    @property
    def tag_length(self) -> int:
        """Authentication tag at the end, bytes; 0 when the pulse is not sealed or not good."""

def parse(data: bytes, dialect: str = "rttp1", byte_order: str = "big") -> Parsed:
    """Reads one datagram by a dialect's table (`RTTP-3`). A bad datagram is a result, not an exception.

    Raises `KeyError` for an unknown dialect or byte order.
    """

def detect(data: bytes, strict: bool = False) -> tuple[str, ByteOrder, Literal["magic", "rules", "guess"]] | Reject:
    """Names a datagram's dialect, byte order and the ground of that finding (`RTTP-1.6`).

    `strict` never guesses. A `Reject` is what `rttp1` says of a datagram that fits nothing.
    """

class EmitError(ValueError):
    """A header cannot be written from the given values; the text names the field, the value and the bound."""

def emit(
    values: Mapping[str, int | bytes | str],
    dialect: str = "rttp1",
    byte_order: str = "big",
    *,
    now_ns: int = 0,
) -> bytes:
    """Writes a header, with the table's defaults for what is not given. `values` must be a `dict`.

    The result is not judged (hand it to `parse`): whoever tests a receiver needs bad headers too. `now_ns` (Unix time)
    fills fields whose default is the time of building. Raises `EmitError`; `KeyError` for an unknown dialect.
    """

@final
class Column:
    """One column of a batch: read-only memory in native byte order, through the buffer protocol.

    Shape `(rows,)` for numbers (formats B H I Q), `(rows, width)` bytes for wider fields, as on the wire.
    `memoryview(column)` and `numpy.asarray(column)` see it without a copy.
    """

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Columns:
    """A batch of headers of one dialect as columns (`RTTP-3.4`)."""

    @staticmethod
    def parse(
        data: bytes,
        dialect: str = "rttp1",
        byte_order: str = "big",
        *,
        stride: int | None = None,
        starts: Buffer | None = None,
        lengths: Buffer | None = None,
    ) -> Columns:
        """Parses a batch without the GIL.

        The datagrams lie `stride` bytes apart (default: the header's length; a shorter rest is one more, truncated
        row), or at `starts` (unsigned 64-bit) with `lengths` (unsigned 32-bit); what lies outside `data` counts as
        truncated.
        Raises `ValueError` for a stride of 0 or unequal lists, `KeyError` for an unknown dialect.
        """
    @property
    def names(self) -> list[str]:
        """Names of the columns: the rows of the table that every header has, in table order."""
    @property
    def status(self) -> Column:
        """0 for an accepted row, else the slug's code (see `slugs`)."""
    @property
    def reject_offset(self) -> Column:
        """Offset of the reject in its datagram, bytes; 0 for an accepted row."""
    def rejects(self) -> list[tuple[str, int]]:
        """Slugs that occur, with their number of rows."""
    def __getitem__(self, name: str) -> Column: ...
    def __len__(self) -> int: ...

@final
class Address:
    """A checked `rttp://intent.pillar.root[/action]` address (`RTTP-5`)."""

    @property
    def authority(self) -> str: ...
    @property
    def intent(self) -> str: ...
    @property
    def pillar(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def action(self) -> str | None: ...
    @property
    def route_shard(self) -> bytes:
        """First 16 bytes of SHA-256 of the authority."""

class UriError(ValueError):
    """Not an address; `args` are the message, the offset of the first bad character and what was expected there."""

def parse_uri(text: str) -> Address:
    """Checks an address; it has one spelling, so what is accepted is canonical. Raises `UriError`."""

class CoreError(Exception):
    """A run cannot start or go on; `args` are a slug of docs/ERRORS.md and a message."""

class AskedDict(TypedDict):
    """One thing asked of the host: `affinity`, `fifo`, `mlock`, `cpu-dma-latency`, `timer-slack`, `stall-meter`."""

    what: str
    granted: bool
    detail: str
    """With what value, or why not."""

class UsageDict(TypedDict):
    """Processor time of one thread."""

    user_ns: int
    system_ns: int
    voluntary_switches: int
    involuntary_switches: int

class TallyDict(TypedDict):
    """What a responder counted (`RTTP-6.3`)."""

    received: int
    answered: int
    bytes: int
    buffer_drops: int
    """Datagrams the kernel dropped because the socket's receive buffer was full."""
    rejects: dict[str, int]

class ServerDict(TallyDict):
    """A responder's final summary."""

    answers_dropped: int
    receive_buffer: int
    syscalls: int
    """On its socket."""
    usage: UsageDict
    asked: list[AskedDict]

class SessionCountsDict(TypedDict):
    """Counts of all sessions of a run together, warm-up, cool-down and first pulses included."""

    sent_in_all: int
    unexpected: int
    rejects: dict[str, int]
    network_errors: int
    buffer_drops: int

class StreamCountsDict(TypedDict):
    """Counts of a stream: measured pulses (due in the measured time), or of the whole run where it says so."""

    sent: int
    bytes: int
    send_refused: int
    """Refused by the kernel for want of buffer; among the lost."""
    answered: int
    lost: int
    one_way: int
    """Sent without asking for an answer."""
    unfinished: int
    """Still on their way when the run was stopped."""
    unsent: int
    """Due in the measured time and never sent, since the sender could not keep up."""
    dropped: int
    """Due and not sent, since the stream's queue was full and it drops."""
    late: int
    """Whole run."""
    duplicates: int
    """Whole run."""
    reordered: int
    """Whole run."""
    messages: int
    """Begun."""
    complete: int
    """All pulses that ask for an answer were answered in time."""
    kept: int
    """Of those with a deadline, the ones that kept it; what the end of the run cut off did neither."""
    missed: int
    """Of those with a deadline, the ones that were late, lost or not sent."""

class StallsDict(TypedDict):
    """Times at which a core that we used was kept from work that was there, 100 µs and longer."""

    core: int | None
    role: Literal["sender", "responder", "both"]
    count: int
    total_ns: int
    longest_ns: int
    stalls: list[tuple[int, int]]
    """Start from the first measured due time (negative in the warm-up) and length, ns; the first 4,096."""

class HistogramsDict(TypedDict):
    """HdrHistogram V2, compressed, base64; ns, 3 significant digits; empty where a figure does not apply."""

    response: str
    """From the scheduled send to the answer; a lost pulse is a sample at its timeout."""
    service: str
    """From the actual send to the answer; a lost pulse is a sample at its timeout."""
    undisturbed: str
    """`response` of the pulses that met no stall of a watched core; empty where none was watched."""
    lateness: str
    """From the scheduled to the actual send."""
    wakeup: str
    """From the kernel's stamp of the answer to reading it; empty without stamps."""
    one_way_out: str
    """From the send to the target's taking it, by both clocks and the fitted offset."""
    one_way_back: str
    """From there to us."""
    message: str
    """From when a message of several pulses was due to its last answer."""
    first_token: str
    """From when a token stream's request was due to its first token."""
    token_gap: str
    """From one token's landing to the next one's."""

class RunHistogramsDict(HistogramsDict):
    """All streams together."""

    pacing: str
    """Lateness of pulses that no stall of the sender's core made late."""

class StreamDict(TypedDict):
    """One stream of a finished run."""

    name: str
    counts: StreamCountsDict
    histograms: dict[str, str]
    """Those of `HistogramsDict` that have samples."""
    drift_ppm: float | None
    """Slope of lateness over time; `None` with fewer than three pulses."""

class BandDict(TypedDict):
    """Pulses of 32 neighbouring priorities, of all streams."""

    from_priority: int
    to_priority: int
    sent: int
    answered: int
    missing: int
    """Lost or unfinished."""
    response: str
    """As in `HistogramsDict`."""

class ClockDict(TypedDict):
    """The target's clock as a session saw it."""

    shared: bool
    """Both ends read one clock: the offset is 0 and certain."""
    below_zero: int
    """One-way times that came out below zero and count as 0."""
    offset_ns: float | None
    """How far it is ahead at `at_ns`."""
    at_ns: int | None
    """From the start of the measured time."""
    skew_ppm: float | None
    uncertainty_ns: float | None
    points: int
    """Of the envelope of minimum round trips."""

class SessionDict(TypedDict):
    """One sender and its target."""

    target: str
    local: str
    core: int | None
    receive_buffer: int
    sent_in_all: int
    syscalls: int
    """On its socket."""
    tally: TallyDict | None
    """What the target counted of our pulses; `None` if it did not tell."""
    usage: UsageDict
    clock: ClockDict

class FlightDict(TypedDict):
    """One pulse's timeline; times from the start of the measured time, or Unix times where the name says so."""

    stream: str
    seq_id: int
    priority: int
    length: int
    """Whole pulse, bytes."""
    due_ns: int
    sent_ns: int
    sent_unix_ns: int
    target_unix_ns: int | None
    """When the target took it, by its clock."""
    kernel_unix_ns: int | None
    """The kernel's stamp on the answer."""
    landed_ns: int | None
    landed_unix_ns: int | None
    pulse: bytes
    """Its header as it was sent."""
    answer: bytes | None

class IntervalDict(TypedDict):
    """A piece of the measured time, all streams."""

    from_ns: int
    """From the start of the measured time."""
    length_ns: int
    sent: int
    lost: int
    response: str
    """As in `HistogramsDict`, answers of the piece alone, two significant digits."""
    stalled: str | None
    """Of these, what a stall touched."""

class OutcomeDict(TypedDict):
    """A finished run."""

    started_unix_ns: int
    sending_ns: int
    lasted_ns: int
    interrupted: bool
    stalled_pulses: int
    """Pulses that a stall of the sender's core made late."""
    session: SessionCountsDict
    counts: StreamCountsDict
    """All streams together."""
    histograms: RunHistogramsDict
    streams: list[StreamDict]
    bands: list[BandDict]
    """Those that sent something."""
    sessions: list[SessionDict]
    slowest: list[FlightDict]
    lost: list[FlightDict]
    """The first that were lost."""
    server: ServerDict | None
    """The embedded responder."""
    asked: list[AskedDict]
    stalls: list[StallsDict]
    """Empty when the cores could not be watched."""
    intervals: list[IntervalDict]
    """At most 240."""

class LiveStreamDict(TypedDict):
    """A stream as the latest interval saw it."""

    name: str
    sent_pps: float
    sent: int
    answered: int
    lost: int
    percentiles_ns: list[int] | None
    """P50, P99, P99.9, P99.99 and maximum of the interval's answers."""

class LiveStallsDict(TypedDict):
    """Stalls of a core so far."""

    core: int | None
    role: Literal["sender", "responder", "both"]
    count: int
    total_ns: int

class LiveDict(TypedDict):
    """What onlookers see of a run."""

    intervals: int
    tail: list[int]
    """Answers so far by latency: four cells an octave from 1 µs up."""
    streams: list[LiveStreamDict]
    rejects: dict[str, int]
    """Whole run: datagrams that are no pulses, by slug; only slugs that occurred."""
    stalls: list[LiveStallsDict]
    """Of each core that is watched, from the warm-up on."""

@final
class Load:
    """A load under way, on threads of its own. Ctrl-C and SIGTERM end it; what was measured by then is kept."""

    def __init__(
        self,
        plan: str,
        traces: list[Trace],
        *,
        targets: list[str],
        workers: int,
        spin: bool,
        cores: list[int | None],
        server_core: int | None,
        fifo: int | None,
        fifo_required: bool,
        awake: bool,
        lock_memory: bool,
        meter: bool,
        stamps: bool,
        receive_buffer: int,
        first_seq: int,
        segments: int,
        interval: float,
        interval_log: str | None,
        slowest: int,
        loss: float,
        duplicate: float,
        corrupt: float,
        reorder: float,
        delay: float,
        fault_seed: int,
    ) -> None:
        """Starts at once. `plan` is JSON (rust/rttp-load/src/plan.rs), `traces` those that it names by index; `targets`
        are IP:PORT, none for the embedded responder; `cores` are the senders'; `fifo` is the embedded responder's
        priority; `interval` and `delay` are seconds; faults are probabilities. Raises `ValueError` for what cannot be
        meant; everything else comes out of `finish`.
        """
    def wait(self, longest: float) -> bool:
        """Waits without the GIL for the end, at most so many seconds; whether it has come."""
    def progress(self) -> tuple[int, int, int, float]:
        """Measured pulses sent, answered, lost; seconds since the measured time began (0 during the warm-up)."""
    def live(self) -> LiveDict:
        """The latest interval; without streams before the first is over."""
    def stop(self) -> None:
        """Ends it early."""
    def finish(self) -> OutcomeDict:
        """Waits for the end. Raises `CoreError`."""

def schedule_digest(plan: str, traces: list[Trace]) -> str:
    """Name of a plan's traffic: BLAKE3 over its first 100,000 pulses, 32 hex digits. Raises `ValueError`."""

def shipped_profiles() -> dict[str, str]:
    """The profiles of the folder `profiles`, YAML by name."""

@final
class Server:
    """A responder on a thread of its own. Ctrl-C and SIGTERM make `wait` return true; then call `finish`."""

    def __init__(
        self,
        *,
        listen: str,
        echo: bool,
        spin: bool,
        core: int | None,
        fifo: int | None,
        awake: bool,
        lock_memory: bool,
        receive_buffer: int,
    ) -> None:
        """Listens on IP:PORT, port 0 for a free one; without `echo` it only counts. Raises `CoreError`."""
    @property
    def address(self) -> str | None:
        """Where it listens, `None` after `finish`."""
    def wait(self, longest: float) -> bool:
        """Waits without the GIL for a signal, at most so many seconds; whether it has come."""
    def progress(self) -> tuple[int, int, int]:
        """Datagrams received, answered, refused; at most 100 ms behind."""
    def live(self) -> TallyDict:
        """Counts so far; at most 100 ms behind."""
    def finish(self) -> ServerDict:
        """Stops it and gives its counts."""

def allowed_cores() -> list[int]:
    """Cores this process may use, ascending."""

@final
class Histogram:
    """Samples in the cells of an HdrHistogram; immutable. Values are integers, in ns where it comes from a run of ours.

    A cell stands for its highest value, as in the HdrHistogram libraries. Whatever cannot be done raises `ValueError`.
    """

    @staticmethod
    def decode(text: str | bytes) -> Histogram:
        """Reads the V2 encoding, compressed or not: base64, blanks around it allowed, or the bytes themselves.

        `ValueError` says at which byte, what was found and what was expected. V0, V1 and DoubleHistograms are refused.
        """
    @staticmethod
    def decode_all(texts: Sequence[str]) -> list[Histogram]:
        """The same for many, on all cores without the GIL. `ValueError` names the first bad one by its index."""
    @staticmethod
    def of(values: Iterable[tuple[int, int]], digits: int = 3) -> Histogram:
        """A histogram of values with their counts, at so many significant digits (0 … 5)."""
    @staticmethod
    def sum(parts: Sequence[Histogram]) -> Histogram:
        """All samples at the finest resolution and the widest range among the parts; of none, an empty one.

        Nothing is lost: a coarse cell's samples stay at its highest value, so any order of summing gives the same.
        """
    def minus(self, part: Histogram) -> Histogram:
        """What is left without a part of it."""
    def scaled(self, factor: float) -> Histogram:
        """Every value times the factor, rounded."""
    def encode(self) -> str:
        """V2, compressed, base64."""
    @property
    def samples(self) -> int: ...
    @property
    def digits(self) -> int:
        """Significant digits: a cell is at most 10^-digits of its value wide."""
    @property
    def min(self) -> int | None:
        """Lowest value of the lowest cell with samples."""
    @property
    def max(self) -> int | None:
        """Highest value of the highest cell with samples."""
    @property
    def mean(self) -> float | None:
        """Each sample in the middle of its cell, as in the HdrHistogram libraries."""
    @property
    def stdev(self) -> float | None:
        """Of the samples, not of a population they stand for; each in the middle of its cell."""
    def at_rank(self, rank: int) -> int:
        """Value of the sample with that rank, 1 … `samples`."""
    def quantile(self, q: float) -> int:
        """Value of the sample of rank ⌈q n⌉, `q` in 0 … 1."""
    def above(self, value: int) -> int:
        """Samples in cells above that of a value."""
    def cells(self) -> list[tuple[int, int]]:
        """Highest value and count of each cell with samples, ascending."""
    def binned(self, edges: Sequence[int]) -> list[int]:
        """Samples from each edge to before the next. A cell counts where its highest value lies."""

def quantile_ranks(n: int, q: float, confidence: float, inflation: float = 1.0) -> tuple[int, int, int | None] | None:
    """Ranks (1-based) of the `q` quantile of `n` samples and of the ends of its interval, by order statistics.

    `inflation` is how many samples tell as much as one independent one. Lower rank 0: no lower end; upper `None`: too
    few samples to bound it. `None` for no samples, and for arguments outside their range.
    """

def student_quantile(p: float, degrees_of_freedom: float) -> float:
    """The `p` quantile of Student's law. Raises `ValueError` for what lies outside its range."""

def read_interval_log(data: bytes) -> list[tuple[str | None, float, float, Histogram]]:
    """Intervals of an HdrHistogram log (.hlog): tag, start and length in seconds, histogram.

    Starts count from the log's `StartTime`, or from its first line. `ValueError` names the line.
    """

def bootstrap_means(samples: Sequence[float], resamples: int, seed: int) -> list[float]:
    """Means of so many resamples with replacement, ascending; the same for the same seed.

    At most 100,000 samples, 1,000,000 resamples and 1e9 draws in all; `ValueError` beyond.
    """

def idle_thread() -> None:
    """Gives the calling thread only processor time that nobody else wants, for good. Raises `OSError`."""

@final
class Trace:
    """A schedule read from a file: text, JSON lines, pcap or pcapng, told apart by content."""

    @staticmethod
    def load(path: str, port: int | None = None) -> Trace:
        """Reads a file of at most 4 GiB and 20 million entries, whole or not at all.

        `port` takes only datagrams to that UDP port from a capture. Raises `CoreError` with `unreadable` or `bad-trace`
        and a message that names the file, the line or packet, what was found and what was expected.
        """
    @property
    def format(self) -> Literal["csv", "json-lines", "pcap", "pcapng"]: ...
    @property
    def entries(self) -> int:
        """How many messages it has, at least 1."""
    @property
    def duration_ns(self) -> int:
        """From the first entry to the last."""
    @property
    def has_sizes(self) -> bool:
        """Whether any entry has a payload size."""
    @property
    def has_priorities(self) -> bool:
        """Whether any entry has a priority."""
    @property
    def skipped(self) -> int:
        """Packets of a capture that are no entry: not UDP, a later IP fragment, another port."""
    @property
    def sorted(self) -> int:
        """Packets of a capture that were up to a second out of order, and put in order."""
    def sizes(self) -> list[tuple[int, int]]:
        """Payload sizes in bytes and how often each occurs, ascending; at most 65,536 rows.

        More sizes than that share buckets of equal width, each under its smallest size.
        """

class LevelDict(TypedDict):
    """Gaps of one length and longer."""

    from_ns: int
    count: int
    total_ns: int

class CoreGapsDict(TypedDict):
    """What a core did while one thread only read the clock on it."""

    core: int
    watched_ns: int
    readings: int
    gaps: str
    """HdrHistogram V2, compressed, base64: every gap from `gaps_from_ns` on, ns, 3 significant digits."""
    longest_ns: int
    levels: list[LevelDict]
    """From 10, 100, 300 and 1,000 µs on."""
    stalls: list[tuple[int, int]]
    """Start (from the start of the record, one for all cores) and length of gaps over 100 µs, ns; the first 4,096."""

class StallRecordDict(TypedDict):
    """All cores over the same time."""

    interrupted: bool
    gaps_from_ns: int
    cores: list[CoreGapsDict]

class RingRecordDict(TypedDict):
    """Round trips of a number between two cores."""

    interrupted: bool
    cores: list[int]
    """Who asked, who answered."""
    round_trips: str
    """HdrHistogram V2, compressed, base64; ns, 3 significant digits; one reading of the clock is in each."""

@final
class StopSignals:
    """While it lives, Ctrl-C and SIGTERM are remembered, and SIGTERM does not end the process by itself.

    Raises `OSError` where the system refuses to watch.
    """

    def __init__(self) -> None: ...
    @property
    def seen(self) -> bool:
        """Whether one came."""

class Floor:
    """A measurement of the host under way, on threads of its own. Ctrl-C and SIGTERM end it; what was seen is kept."""

    @staticmethod
    def stalls(*, cores: list[int], duration: float) -> Floor:
        """Starts watching cores, all at once, for so many seconds; its record is a `StallRecordDict`.

        Raises `ValueError` for a duration that is none; everything else comes out of `finish`.
        """
    @staticmethod
    def ring(*, core_a: int, core_b: int, duration: float) -> Floor:
        """Starts sending a number round between two cores for so many seconds; its record is a `RingRecordDict`."""
    def wait(self, longest: float) -> bool:
        """Waits without the GIL for the end, at most so many seconds; whether it has come.

        It does not wake up in between; Ctrl-C ends the measurement, and so this, with `KeyboardInterrupt`.
        """
    def stop(self) -> None:
        """Ends it early."""
    def finish(self) -> StallRecordDict | RingRecordDict:
        """Waits for the end. Raises `CoreError`."""

def clock_cost() -> tuple[float, float]:
    """What a reading costs of the clock of a run and of the kernel's Unix time, ns: medians, a few ms of work."""

class DecodeAsked(TypedDict):
    """How captures are decoded."""

    captures: list[str]
    """Paths, `-` for standard input; interfaces if `live`. Read as one, by time."""
    live: bool
    follow: bool
    """The end of a file is a wait for more."""
    ports: list[int] | None
    """Datagrams from or to these UDP ports; `None` for any port, of what is a pulse beyond doubt."""
    dialect: str | None
    """`rttp1`, `struct74`, `struct74-little`, `rfc64`, `pulse128`; `None` to tell them apart by flow."""
    strict: bool
    filter: str | None
    """Checked beforehand by `check_filter`."""
    messages: bool
    """Rows are messages, not pulses."""
    gather: Literal["no", "fragmented", "all"]
    """Which messages are gathered: a summary counts those of one pulse by itself."""
    fields: list[str] | None
    """Columns in their order; `None` for all but the payload."""
    keep: Literal["head", "payload", "packet"]
    """What is kept beside a row: `payload` for the column of that name, `packet` for `write`."""
    every: int
    """Of the rows that the filter passes the first of each so many."""
    head: int | None
    tail: int | None
    since: tuple[bool, int] | None
    """Whether it counts from the first packet, and ns (else Unix ns)."""
    until: tuple[bool, int] | None

class ColumnRow(TypedDict):
    """One column of rows (docs/DECODE.md)."""

    name: str
    type: str
    """`uint8` … `uint64`, `int64`, `bool`, `bytes`, `bytes[N]`, `text`, `address`, `name` or `bits`."""
    names: list[str]
    """Of values, or of bits."""
    filter: Literal["number", "bits", "duration", "time", "bytes", "text", "address", "flag"]
    """What filters may ask of it."""
    doc: str

class Decode:
    """Captures being decoded. It is used once: for text, for Arrow, for a capture or for a summary.

    Ctrl-C and SIGTERM end it early (`stopped`); what was read by then comes out.
    """

    def __init__(self, asked: DecodeAsked) -> None:
        """Raises `CoreError` for an interface that cannot be captured, `ValueError` for an unknown column or dialect.

        Captures are opened as they are needed: one that cannot be read is a warning.
        """
    def lines(self, form: Literal["jsonl", "csv"]) -> bytes | None:
        """The next rows as whole lines, up to about 1 MiB; `b""` if there are none now, `None` at the end."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """All rows, by the Arrow C stream interface."""
    def write_parquet(self, path: str, texts: list[tuple[str, str]]) -> int:
        """Writes all rows as Parquet, with texts in the footer; how many. Raises `CoreError` unwritable."""
    def summarise(self, seconds: float) -> bool:
        """Reads on for so many seconds; whether there is more."""
    def summary(self, flows: int) -> str:
        """The summary so far as JSON (`rttp.summary/1`), with at most so many flows listed."""
    def write(self, path: str, form: Literal["pcap", "pcapng"], comment: str | None) -> int:
        """Writes the packets of all chosen rows (`keep` is `packet`); how many. Raises `CoreError` unwritable."""
    def progress(self) -> tuple[int, int, int]:
        """Bytes of the captures and packets read, rows chosen, so far."""
    def warnings(self) -> tuple[list[tuple[str, int | None, int, str, str, bool]], int]:
        """The first 100 (capture, packet, byte, slug, text, whether that ended its reading), and how many in all."""
    @property
    def stopped(self) -> bool:
        """Whether a signal ended it."""
    @property
    def reassembled(self) -> int:
        """Pulses so far that came in several IP fragments."""
    @property
    def drops(self) -> int:
        """Packets that the kernel dropped before a live capture had them."""

def check_filter(text: str, messages: bool) -> tuple[int, int, str, str | None] | None:
    """What is wrong with a filter: place and length in characters, message, hint; `None` if nothing is."""

def decode_columns(messages: bool) -> list[ColumnRow]:
    """All columns of pulses or of messages."""
