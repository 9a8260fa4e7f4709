"""The session room: the ends of a conversation. Today a node that answers in the open; it never prints.

It never sends load (that is `bench`) and never decides who is hostile (that is `quarantine`).
"""

from rttp_cli.session.node import Node, NodeOptions

__all__ = ["Node", "NodeOptions"]
