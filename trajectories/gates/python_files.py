"""The files that Python code names literally and writes or reads."""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Iterator

_WRITERS = frozenset({"write_text", "write_bytes", "unlink", "touch"})
_READERS = frozenset({"read_text", "read_bytes"})
_COPIES = frozenset({"copy", "copy2", "copyfile", "move", "rename", "replace"})
_REMOVES = frozenset({"remove", "unlink"})


def named_files(code: str) -> Iterator[tuple[str, bool]]:
    """(path, whether it is written) of each such call; broken code names none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    known: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            known[node.targets[0].id] = _path(node.value, known)
    for node in nodes:
        if isinstance(node, ast.Call):
            yield from ((path, writes) for path, writes in _files(node, known) if path)


def _files(call: ast.Call, known: dict[str, str]) -> Iterator[tuple[str, bool]]:
    function, arguments = call.func, call.args
    if isinstance(function, ast.Name) and function.id == "open" and arguments:
        yield _path(arguments[0], known), _opens_to_write(call, 1)
    if not isinstance(function, ast.Attribute):
        return
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if function.attr in _WRITERS or function.attr in _READERS:
        yield _path(function.value, known), function.attr in _WRITERS
    if function.attr == "open" and owner not in ("io", "codecs"):
        yield _path(function.value, known), _opens_to_write(call, 0)
    elif function.attr == "open" and arguments:
        yield _path(arguments[0], known), _opens_to_write(call, 1)
    if owner in ("os", "shutil") and arguments and function.attr in _COPIES | _REMOVES:
        yield _path(arguments[-1], known), True


def _opens_to_write(call: ast.Call, place: int) -> bool:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), None)
    mode = named or (call.args[place] if len(call.args) > place else None)
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set("wax+") & set(mode.value))


def _path(node: ast.expr, known: dict[str, str], nested: int = 20) -> str:
    """The path an expression of literals stands for, else empty."""
    if nested == 0:
        return ""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    parts: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Call) and _joins(node.func):
        parts = node.args
    paths = [_path(part, known, nested - 1) for part in parts]
    return posixpath.join(*paths) if paths and all(paths) else ""


def _joins(function: ast.expr) -> bool:
    """Whether it is `Path`, `pathlib.Path` or `os.path.join`, however they were imported."""
    if isinstance(function, ast.Attribute):
        owner = function.value
        return function.attr == "Path" or (
            function.attr == "join" and isinstance(owner, ast.Attribute) and owner.attr == "path"
        )
    return isinstance(function, ast.Name) and function.id == "Path"
