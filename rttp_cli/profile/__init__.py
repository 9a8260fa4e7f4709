"""The profile room: a YAML file that says what load to send, in; a checked profile and the core's plan, out.

It reports every error of a file at once, each with line and column. It never opens a socket and never sends anything.
"""

from rttp_cli.profile.check import load
from rttp_cli.profile.compile import Compiled, compile_plan
from rttp_cli.profile.model import Profile, Run, Stream

__all__ = ["Compiled", "Profile", "Run", "Stream", "compile_plan", "load"]
