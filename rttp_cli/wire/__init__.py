"""The protocol as Python sees it: dialect tables, single pulses, texts to values and back, addresses, captures.

Everything follows from the core's tables (`_core.layouts`); there is no second copy of a layout here.
It never opens a socket, never prints, and never touches a pulse in flight.
"""

from rttp_cli.wire.layout import TAG_LENGTH, find_layout, layouts
from rttp_cli.wire.pulse import MAX_DATAGRAM, Pulse, build
from rttp_cli.wire.values import as_json, names_of, parse_value, parse_values

__all__ = [
    "MAX_DATAGRAM",
    "TAG_LENGTH",
    "Pulse",
    "as_json",
    "build",
    "find_layout",
    "layouts",
    "names_of",
    "parse_value",
    "parse_values",
]
