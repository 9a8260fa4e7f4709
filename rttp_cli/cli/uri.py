"""`rttp uri`: check rttp:// addresses."""

import json
import sys
from typing import Annotated

import typer

from rttp_cli.errors import CATALOGUE, RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def uri(
    addresses: Annotated[
        list[str],
        typer.Argument(metavar="ADDRESS...", help="rttp://intent.pillar.root[/action]; - reads lines."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="JSON: an object, a list for several.")] = False,
) -> int:
    """Check rttp:// addresses: canonical form, labels, action, route shard.

    All are checked; exit 3 if any is none.
    """
    from rttp_cli import _core

    good, bad = [], 0
    for text in _all(addresses):
        try:
            a = _core.parse_uri(text)
        except _core.UriError as error:
            bad += 1
            _complain(text, *error.args[1:])
            continue
        except UnicodeError:
            # Bytes of the command line that are not UTF-8 cannot even be handed over.
            bad += 1
            _complain(text, 0, "ASCII")
            continue
        good.append(
            {
                "uri": text,
                "intent": a.intent,
                "pillar": a.pillar,
                "root": a.root,
                "action": a.action,
                "authority": a.authority,
                "route_shard": a.route_shard.hex(),
            }
        )
    if as_json:
        print(json.dumps(good[0] if len(good) == 1 and not bad else good, indent=1))
    else:
        print("\n\n".join("\n".join(f"{k:<12} {v if v is not None else '-'}" for k, v in g.items()) for g in good))
    return CATALOGUE["bad-uri"].fault.value if bad else 0


def _all(addresses: list[str]) -> list[str]:
    if "-" not in addresses:
        return addresses
    from rttp_cli.cli._input import read_text

    lines = [line.strip() for line in read_text("-").splitlines() if line.strip()]
    i = addresses.index("-")
    return addresses[:i] + lines + addresses[i + 1 :]


def _complain(text: str, offset: int, expected: str) -> None:
    shown = ascii(text)[1:-1]
    shown = shown if len(shown) <= 100 else shown[:100] + "…"
    # The core counts bytes of UTF-8; people count characters.
    at = len(text.encode("utf-8", "replace")[:offset].decode("utf-8", "ignore"))
    found = f"found {text[at]!r}" if at < len(text) else "found the end"
    error = RttpError("bad-uri", f"`{shown}` at character {at}: {found}, expected {expected}")
    print(f"error[{error.slug}]: {error.message}", file=sys.stderr)
