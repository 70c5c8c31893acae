"""The commands a shell line really runs: taken apart, what heredocs and quotes merely hold left aside."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

MOST_CHARS = 200_000
"""Of a command's text that are read; what lies behind is data, not a command line."""
_MOST_NESTED = 3
"""Shells within shells: `bash -c "sh -c '...'"`."""
_LANGUAGE = Language(tree_sitter_bash.language())
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
_PYTHON = re.compile(r"(?:python|pypy|ipython)[\d.]*")
_WRAPPERS = frozenset({"sudo", "env", "nohup", "command", "exec", "time", "nice", "xargs", "stdbuf", "builtin"})
_RUNNERS = frozenset({("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("conda", "run")})
_ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
_ELSEWHERE = re.compile(r"(?:/private)?/(?:var/)?tmp(?:/.*)?|\$\(mktemp.*|~/tmp(?:/.*)?", re.DOTALL)
_RUN_CALLS = frozenset(
    {"system", "popen", "run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput"}
)
_RUN_MODULES = frozenset({"os", "subprocess", "sp"})


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words without quotes, wrappers (`sudo`, `timeout 5`) and assignments taken off."""

    words: tuple[str, ...]
    text: str
    """As it stood in the source."""
    writes: tuple[str, ...] = ()
    """Files that its output is redirected to."""
    stdin: str = ""
    """Its here-document or here-string."""
    elsewhere: bool = False
    """Whether an earlier `cd` of the same line went to a temporary folder."""

    @property
    def name(self) -> str:
        """The program, without its folder."""
        return self.words[0].rsplit("/", 1)[-1]


def word_set(words: str) -> frozenset[str]:
    """The words of a text: the shortest way to write a table of names."""
    return frozenset(words.split())


@lru_cache(maxsize=256)
def shell_commands(text: str) -> tuple[Command, ...]:
    """The commands of a shell line or script, in order; broken syntax gives what could be read of it."""
    return tuple(_commands(text, _MOST_NESTED))


def python_commands(code: str, nested: int = _MOST_NESTED) -> tuple[Command, ...]:
    """The commands that Python code starts through `os` or `subprocess` with literal arguments."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code[:MOST_CHARS])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    lines = (_started(node) for node in ast.walk(tree) if isinstance(node, ast.Call))
    return tuple(command for line in lines if line for command in _commands(line, nested - 1))


def _started(call: ast.Call) -> str:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _RUN_CALLS or not call.args:
        return ""
    if not isinstance(function.value, ast.Name) or function.value.id not in _RUN_MODULES:
        return ""
    first = call.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    if isinstance(first, ast.List | ast.Tuple):
        values = [item.value for item in first.elts if isinstance(item, ast.Constant)]
        return " ".join(f"'{value}'" for value in values if isinstance(value, str))
    return ""


def _commands(text: str, nested: int) -> Iterator[Command]:
    # Offsets of the tree are bytes; lone surrogates cannot be encoded and stand for nothing in a command.
    source = text[:MOST_CHARS].encode("utf-8", "replace")
    elsewhere = False
    stack = [Parser(_LANGUAGE).parse(source).root_node]
    while stack:
        node = stack.pop()
        if node.type == "command":
            command = _command(node, elsewhere)
            if command is not None:
                elsewhere = _place(command, elsewhere)
                yield command
                if nested > 0:
                    yield from _inner(command, nested)
        stack.extend(reversed(node.named_children))


def _inner(command: Command, nested: int) -> Iterator[Command]:
    """What a shell or an interpreter is given to run."""
    code = python_code(command)
    if code:
        yield from python_commands(code, nested)
    elif command.name in _SHELLS:
        place = next((i for i, word in enumerate(command.words) if re.fullmatch(r"-[a-z]*c", word)), 0)
        script = command.words[place + 1] if 0 < place < len(command.words) - 1 else command.stdin
        yield from _commands(script, nested - 1)
    elif command.name == "eval":
        yield from _commands(" ".join(command.words[1:]), nested - 1)


def python_code(command: Command) -> str:
    """The code that a call of Python is given in place of a file, else empty."""
    if not _PYTHON.fullmatch(command.name):
        return ""
    if "-c" in command.words[:-1]:
        return command.words[command.words.index("-c") + 1]
    return command.stdin


def _place(command: Command, elsewhere: bool) -> bool:
    if command.name != "cd" or len(command.words) < 2:
        return elsewhere
    target = command.words[1]
    return bool(_ELSEWHERE.fullmatch(target)) or (elsewhere and not target.startswith(("/", "~", "-")))


def _command(node: Node, elsewhere: bool) -> Command | None:
    parts = [child for child in node.named_children if not child.type.endswith("redirect")]
    words = _unwrapped([_word(child) for child in parts if child.type != "variable_assignment"])
    if not words:
        return None
    return Command(tuple(words), _text(node), tuple(_writes(node)), _stdin(node), elsewhere)


def _unwrapped(words: list[str]) -> list[str]:
    """Without `sudo`, `timeout 5`, `env X=1` and their options before the program itself."""
    while words:
        name = words[0].rsplit("/", 1)[-1]
        if tuple(words[:2]) in _RUNNERS:
            words = _without_options(words[2:])
        elif name == "timeout":
            words = _without_options(words[1:])[1:]
        elif name in _WRAPPERS:
            words = _without_options(words[1:])
        else:
            return words
    return words


def _without_options(words: list[str]) -> list[str]:
    taken = frozenset({"-n", "-u", "-k", "-s", "-I", "-P", "-L", "-d"})
    while words and (words[0].startswith("-") or _ASSIGNMENT.fullmatch(words[0])):
        words = words[2:] if words[0] in taken else words[1:]
    return words


def _redirects(node: Node) -> list[Node]:
    """The redirections of a command: its own, and those of the statement around it."""
    found = [child for child in node.named_children if child.type.endswith("redirect")]
    while node.parent is not None and node.parent.type == "list" and node.parent.named_children[-1] == node:
        # The parser hangs the redirection of `a && b > c` on the whole, the shell on `b`.
        node = node.parent
    parent = node.parent
    if parent is not None and parent.type == "redirected_statement" and parent.named_children[0] == node:
        found += [child for child in parent.named_children if child.type.endswith("redirect")]
    if parent is not None and parent.type in ("pipeline", "heredoc_redirect"):
        holder = parent if parent.type == "heredoc_redirect" else parent.parent
        if holder is not None and holder.type == "heredoc_redirect":
            found.append(holder)
    return found


def _writes(node: Node) -> Iterator[str]:
    for redirect in _redirects(node):
        for child in [redirect, *redirect.named_children]:
            target = child.child_by_field_name("destination") if child.type == "file_redirect" else None
            if target is not None and ">" in _text(child) and target.type != "number":
                yield _word(target)


def _stdin(node: Node) -> str:
    for redirect in _redirects(node):
        bodies = [child for child in redirect.named_children if child.type == "heredoc_body"]
        if bodies:
            return _text(bodies[0])
        if redirect.type == "herestring_redirect" and redirect.named_children:
            return _word(redirect.named_children[0])
    return ""


def _word(node: Node) -> str:
    """A word without its quotes; expansions stay as they are written."""
    text = _text(node)
    if node.type in ("raw_string", "ansi_c_string"):
        return text.removeprefix("$")[1:-1]
    if node.type == "string":
        return re.sub(r'\\(["\\$`])', r"\1", text[1:-1])
    if node.type in ("concatenation", "command_name") and node.named_children:
        return "".join(_word(child) for child in node.named_children)
    return re.sub(r"\\(.)", r"\1", text) if node.type == "word" else text


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
