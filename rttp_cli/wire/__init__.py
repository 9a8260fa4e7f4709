"""The wire room: dialects, single pulses and addresses as Python sees them.

Everything follows from the core's dialect table. It opens no socket and handles no pulse in flight; the scapy layer
(`rttp_cli.wire.scapy_layer`) is under another licence and is imported only by who asks for it.
"""

from rttp_cli.wire.pulse import Pulse, build

__all__ = ["Pulse", "build"]
