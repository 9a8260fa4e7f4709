"""Several runs that answer one question: where the limit is, how latency grows, who holds up whom, what waking costs,
what a change did.

Each run is an ordinary one and is kept whole; here is only which runs are made, and what follows from their results.
"""

from rttp_cli.bench.explore.explain import explain
from rttp_cli.bench.explore.matrix import matrix
from rttp_cli.bench.explore.points import Point
from rttp_cli.bench.explore.repeat import against, repeat
from rttp_cli.bench.explore.search import search
from rttp_cli.bench.explore.sweep import sweep

__all__ = ["Point", "against", "explain", "matrix", "repeat", "search", "sweep"]
