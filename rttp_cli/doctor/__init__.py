"""The doctor's room: the host's record and floors in, a document with a judgement of each out (docs/DOCTOR.md).

It measures on loopback alone. It never changes a setting, sends anything to a target, or prints.
"""

from rttp_cli.doctor.examine import SCHEMA, DoctorOptions, examine
from rttp_cli.doctor.floors import Step

__all__ = ["SCHEMA", "DoctorOptions", "Step", "examine"]
