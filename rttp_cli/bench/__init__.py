"""The load room: options in, a finished run as a result document out.

It decides where threads sit and hands the plan to the core. It never prints, and never touches a single pulse.
"""

from rttp_cli.bench.options import BenchOptions
from rttp_cli.bench.run import Progress, run

__all__ = ["BenchOptions", "Progress", "run"]
