"""The load room: options or a profile in, a finished run as a result document out.

It decides where threads sit and hands the plan to the core. It never prints, and never touches a single pulse.
"""

from rttp_cli.bench.options import BenchOptions, HostOptions
from rttp_cli.bench.request import Request, of_options, of_profile
from rttp_cli.bench.run import Progress, run

__all__ = ["BenchOptions", "HostOptions", "Progress", "Request", "of_options", "of_profile", "run"]
