"""Starting costs what it must: heavy modules are loaded by the command that needs them, scapy by its layer alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import rttp_cli

PACKAGE = Path(rttp_cli.__file__).parent
LAYER = PACKAGE / "wire" / "scapy_layer.py"
HEAVY = {"scapy", "pydantic", "yaml", "hdrh", "rich.console", "numpy", "psutil", "matplotlib", "pandas", "asyncio"}

PROBE = """
import sys
from rttp_cli.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(sys.modules), file=sys.stderr)
"""


def loaded(*arguments: str) -> set[str]:
    """Modules that are there when a command line has run."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.split())


def imports(node: ast.AST) -> Iterator[str]:
    """Full names that one import statement may load."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run when a module is imported: everything that is not inside a function."""
    rooms: list[ast.AST] = [tree]
    while rooms:
        for node in ast.iter_child_nodes(rooms.pop()):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield node
                rooms.append(node)


def test_the_version_is_printed_without_loading_anything_heavy() -> None:
    modules = loaded("--version")
    assert "rttp_cli._core" in modules, "the probe looks in the right place"
    assert modules & HEAVY == set()


def test_nothing_imports_the_scapy_layer_when_it_is_itself_imported() -> None:
    sources = [path for path in PACKAGE.rglob("*.py") if path != LAYER]
    for path in sources:
        nodes = at_module_level(ast.parse(path.read_text(encoding="utf-8")))
        names = {name for node in nodes for name in imports(node)}
        assert "rttp_cli.wire.scapy_layer" not in names, path
        assert not any(name.split(".")[0] == "scapy" for name in names), path


def test_the_scapy_layer_says_its_licence_in_its_first_line() -> None:
    assert LAYER.read_text(encoding="utf-8").splitlines()[0] == "# SPDX-License-Identifier: GPL-2.0-only"
    gpl = [path for path in PACKAGE.rglob("*.py") if "GPL-2.0" in path.read_text(encoding="utf-8").split("\n", 1)[0]]
    assert gpl == [LAYER]
