"""Options of `rttp bench` to the run that they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rttp_cli.cli._options import parsed
from rttp_cli.errors import RttpError

if TYPE_CHECKING:
    from rttp_cli.bench import BenchOptions, Request

OPTIONS = frozenset(
    (
        *("profile", "target", "set_", "mode", "rate", "size", "duration", "count", "warmup", "priority", "timeout"),
        *("spin", "pin", "threads", "segments", "fifo", "awake", "mlock", "stall_meter", "stamps", "receive_buffer"),
        *("seed", "fault", "slowest", "interval"),
    )
)
"""Names of the parameters that say what is sent and how the host is used."""


def request_of(given: Mapping[str, Any]) -> tuple[Request, BenchOptions | None]:
    """The run of a command's parameters, by name; the options of a run without a profile. Raises `RttpError`."""
    from rttp_cli.bench import BenchOptions, of_options
    from rttp_cli.units import parse_bytes, parse_duration_ns, parse_rate

    def optional(name: str, parse: Any) -> Any:
        return None if given[name] is None else parsed(name, given[name], parse)

    host = _host(given)
    targets = None if not given["target"] else tuple(given["target"])
    times = {f"{name}_ns": optional(name, parse_duration_ns) for name in ("duration", "warmup", "timeout")}
    rate = optional("rate", parse_rate)
    if given["profile"] is not None:
        return _of_profile(given, host, targets, times, rate), None
    if given["set_"]:
        raise RttpError("bad-option", "`--set` changes a profile, and none is named", "such as: rttp bench default")
    plain = {name: given[name] for name in ("mode", "priority", "count", "seed")}
    own = plain | times | {"rate": rate, "size": optional("size", parse_bytes)}
    known = {name: value for name, value in own.items() if value is not None}
    options = BenchOptions(**host, target=targets[0] if targets else None, **known)
    return replace(of_options(options), targets=targets or ()), options


def _host(given: Mapping[str, Any]) -> dict[str, Any]:
    """How the run uses this host, of what was said."""
    from rttp_cli.units import parse_bytes, parse_duration_ns

    host = {
        "spin": given["spin"],
        "fifo": given["fifo"],
        "awake": given["awake"],
        "lock_memory": given["mlock"],
        "meter": given["stall_meter"],
        "stamps": given["stamps"],
        "receive_buffer": parsed("receive-buffer", given["receive_buffer"], parse_bytes),
        "interval_ns": parsed("interval", given["interval"], parse_duration_ns),
        "interval_log": None if given["out"] is None else Path(given["out"]).with_suffix(".hlog"),
        "slowest": given["slowest"],
        "faults": _faults(given["fault"] or ()),
    }
    return host | {name: given[name] for name in ("pin", "threads", "segments") if given[name] is not None}


def _of_profile(
    given: Mapping[str, Any],
    host: dict[str, Any],
    targets: tuple[str, ...] | None,
    times: dict[str, int | None],
    rate: float | None,
) -> Request:
    """The request of a profile; its `run` says how to use the host where no option does."""
    from rttp_cli.bench import HostOptions, of_profile
    from rttp_cli.profile import load

    for option in ("mode", "size", "priority", "timeout"):
        if given[option] is not None:
            raise RttpError(
                "bad-option",
                f"`--{option}` is for a run without a profile",
                f"change the profile: --set streams.NAME.{option}=…",
            )
    changes = {name: given[name] for name in ("count", "seed")}
    changes |= {name: f"{times[f'{name}_ns']}ns" for name in ("duration", "warmup") if times[f"{name}_ns"] is not None}
    overrides = [f"run.{name}={value}" for name, value in changes.items() if value is not None]
    checked = HostOptions(**host)
    profile = load(given["profile"], [*(given["set_"] or ()), *overrides])
    run = profile.run
    own: dict[str, Any] = {"threads": run.threads, "segments": run.segments}
    own["pin"] = run.cores if isinstance(run.cores, str) else ",".join(map(str, run.cores))
    request = of_profile(profile, HostOptions(**own | host | {"spin": run.spin or checked.spin}), targets)
    return request if rate is None else request.at_rate(rate)


def _faults(texts: Sequence[str]) -> Any:
    from rttp_cli.bench.options import Faults
    from rttp_cli.units import parse_duration_ns

    values: dict[str, Any] = {}
    for text in (part for given in texts for part in given.split(",")):
        name, equals, value = text.partition("=")
        if not equals or name not in Faults.__dataclass_fields__:
            raise RttpError(
                "bad-option",
                f"`--fault` is `{text}`, expected NAME=VALUE with {', '.join(Faults.__dataclass_fields__)}",
            )
        try:
            if name == "delay":
                values[name] = parse_duration_ns(value) / 1e9
            elif name == "seed":
                values[name] = int(value)
            else:
                values[name] = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
        except ValueError as error:
            raise RttpError("bad-option", f"`--fault` is `{text}`: {error}") from None
        if name not in ("delay", "seed") and not 0 <= values[name] <= 1:
            raise RttpError("bad-option", f"`--fault` is `{text}`, expected a probability of 0 to 1, or 0% to 100%")
    if not 0 <= values.get("seed", 0) < 1 << 64:
        raise RttpError("bad-option", "`--fault seed` is outside 0 to 2^64-1")
    return Faults(**values)
