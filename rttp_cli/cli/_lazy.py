"""Groups that import a command when it is run, so that every command starts fast."""

from importlib import import_module
from typing import Any

import typer.core
import typer.main


def lazy_group(package: str, commands: dict[str, str]) -> type[typer.core.TyperGroup]:
    """A group class whose commands are the Typer apps named `app` in modules of a package, by the commands' names."""

    class LazyGroup(typer.core.TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name not in commands:
                return None
            command = typer.main.get_command(import_module(f"{package}.{cmd_name}").app)
            command.name = cmd_name
            return command

    return LazyGroup
