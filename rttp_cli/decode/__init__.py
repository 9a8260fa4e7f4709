"""Captures: what is in them, as rows, as messages, as a summary, in the form that the next tool wants.

The core reads, judges and writes every row; this room says what is asked and shows what is small. It never measures and
never sends.
"""

from rttp_cli.decode.request import DEFAULT_PORT, DecodeOptions, Form, columns, expand, parse_moment, request

__all__ = ["DEFAULT_PORT", "DecodeOptions", "Form", "columns", "expand", "parse_moment", "request"]
