"""Fields from JSON or YAML documents."""

from __future__ import annotations

import json
from typing import Any

from rttp_cli.errors import RttpError

MAX_DOCUMENT = 4 << 20
"""Characters read at most."""


def load(text: str, name: str) -> list[dict[str, object]]:
    """One object, or a list of objects, each the fields of a pulse. Raises `RttpError` bad-document with the line."""
    if len(text) > MAX_DOCUMENT:
        raise RttpError("bad-document", f"`{name}` is over {MAX_DOCUMENT >> 20} MiB")
    document = _json(text, name) if text.lstrip()[:1] in ("{", "[") else _yaml(text, name)
    items = document if isinstance(document, list) else [document]
    if not items:
        raise RttpError("bad-document", f"`{name}` is an empty list, expected fields")
    for i, item in enumerate(items):
        if not isinstance(item, dict) or not all(isinstance(key, str) for key in item):
            kind = "nothing" if item is None else type(item).__name__
            where = f" at index {i}" if isinstance(document, list) else ""
            raise RttpError("bad-document", f"`{name}` holds {kind}{where}, expected an object of fields")
    # What `header decode --json` prints has its fields one level down.
    return [item["fields"] if isinstance(item.get("fields"), dict) else item for item in items]


def _json(text: str, name: str) -> Any:
    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise RttpError("bad-document", f"`{name}` has the key `{key}` twice")
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=no_duplicates)
    except (ValueError, RecursionError) as error:
        where = f" line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        reason = (
            "nested too deep" if isinstance(error, RecursionError) else getattr(error, "msg", "a number is too long")
        )
        reason = reason[:1].lower() + reason[1:]
        raise RttpError("bad-document", f"`{name}`{where}: {reason}") from None


def _yaml(text: str, name: str) -> Any:
    import yaml

    from rttp_cli.wire.yaml_loader import PlainLoader

    try:
        # PlainLoader is a SafeLoader: no tags, no objects.
        return yaml.load(text, Loader=PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1} column {mark.column + 1}" if mark else ""
        raise RttpError("bad-document", f"`{name}`{where}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        first = (str(error).splitlines() or ["not YAML"])[0]
        raise RttpError("bad-document", f"`{name}`: {first}") from None
