"""All judgements: which checks there are, and in which order."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rttp_cli.doctor.finding import Finding
from rttp_cli.doctor.floor_checks import CHECKS as OF_FLOORS
from rttp_cli.doctor.kernel_checks import CHECKS as OF_KERNEL
from rttp_cli.doctor.network_checks import CHECKS as OF_NETWORK
from rttp_cli.doctor.processor_checks import CHECKS as OF_PROCESSOR

Row = dict[str, Any]

OF_ENVIRONMENT = {**OF_PROCESSOR, **OF_KERNEL, **OF_NETWORK}
"""Checks of a host's record by name. Each gives `None` when what it looks at could not be read."""
ALL = (*OF_FLOORS, *OF_ENVIRONMENT)
"""Names of all checks, in the order in which they are reported: first what was measured, then what explains it."""


def findings(environment: Row, floors: Row | None) -> list[Row]:
    """Every judgement that can be made."""
    return [asdict(finding) for finding in _judgements(environment, floors) if finding is not None]


def unread(found: list[Row], floors: Row | None) -> list[str]:
    """Names of checks that had nothing to look at: the host does not say, or does not have it."""
    made = {finding["name"] for finding in found}
    expected = ALL if floors is not None else OF_ENVIRONMENT
    return [name for name in expected if name not in made]


def _judgements(environment: Row, floors: Row | None) -> Iterator[Finding | None]:
    if floors is not None:
        yield from (check(floors) for check in OF_FLOORS.values())
    yield from (check(environment) for check in OF_ENVIRONMENT.values())
