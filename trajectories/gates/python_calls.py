"""The shell lines that Python code starts through `os` or `subprocess` with literal arguments."""

from __future__ import annotations

import ast
import shlex
import warnings
from collections.abc import Iterator

_CALLS = frozenset(
    {"system", "popen", "run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput"}
)
_MODULES = frozenset({"os", "subprocess"})


def started_lines(code: str) -> Iterator[tuple[str, str]]:
    """(line, folder) of each call: the folder as `cwd` has it, else empty; broken code starts none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    nodes = list(ast.walk(tree))
    modules, functions = {"os", "subprocess", "sp"}, set[str]()
    for node in nodes:
        if isinstance(node, ast.Import):
            modules |= {name.asname for name in node.names if name.asname and name.name in _MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in _MODULES:
            functions |= {name.asname or name.name for name in node.names if name.name in _CALLS}
    for node in nodes:
        if isinstance(node, ast.Call) and node.args and _starts(node.func, modules, functions):
            line = _line(node.args[0])
            if line:
                yield line, _folder(node)


def _starts(function: ast.expr, modules: set[str], functions: set[str]) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr in _CALLS and isinstance(function.value, ast.Name) and function.value.id in modules
    return isinstance(function, ast.Name) and function.id in functions


def _line(first: ast.expr) -> str:
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    if isinstance(first, ast.List | ast.Tuple):
        values = [item.value for item in first.elts if isinstance(item, ast.Constant)]
        return shlex.join(value for value in values if isinstance(value, str))
    return ""


def _folder(call: ast.Call) -> str:
    value = next((keyword.value for keyword in call.keywords if keyword.arg == "cwd"), None)
    if value is None:
        return ""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    # What is no literal cannot be a path of this text: `$` keeps it from being taken for one.
    return f"${value.id}" if isinstance(value, ast.Name) else "$(cwd)"
