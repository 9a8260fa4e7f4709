"""Typed face of the native module: the protocol's codec, the responder and the load engine.

Every function over a batch releases the GIL. Batches cross this border, never single pulses in flight.
Requirement numbers (`RTTP-3.2`) refer to docs/PROTOCOL.md.
"""

from collections.abc import Buffer, Mapping
from typing import Literal, TypedDict, final

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
        """Where the payload starts, bytes."""
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

        The datagrams lie `stride` bytes apart (default: the header's length; a shorter rest is one more, truncated row),
        or at `starts` (unsigned 64-bit) with `lengths` (unsigned 32-bit); what lies outside `data` counts as truncated.
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
