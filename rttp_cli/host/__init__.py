"""This host: what may be asked of it for a thread, and what it is like.

It only reads. It never measures, changes a setting, starts a process or prints.
"""

from rttp_cli.host.requests import check_fifo, check_receive_buffer, parse_cores

__all__ = ["check_fifo", "check_receive_buffer", "parse_cores"]
