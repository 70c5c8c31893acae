"""The commands a shell line really runs: taken apart, what heredocs and quotes merely hold left aside."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from trajectories.gates.python_calls import started_lines

MOST_CHARS = 200_000
"""Of a command's text that are read; what lies behind is data, not a command line."""
_MOST_NESTED = 3
"""Shells within shells: `bash -c "sh -c '...'"`."""
_LANGUAGE = Language(tree_sitter_bash.language())
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
_PYTHON = re.compile(r"(?:python|pypy|ipython)[\d.]*")
_WRAPPERS = {
    "sudo": {"-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-U", "-r", "-t"},
    "env": {"-u", "-C", "--unset", "--chdir"},
    "nohup": set(),
    "command": set(),
    "builtin": set(),
    "exec": {"-a"},
    "time": {"-f", "-o"},
    "nice": {"-n"},
    "ionice": {"-c", "-n"},
    "setsid": set(),
    "xargs": {"-n", "-I", "-P", "-L", "-d", "-s", "-a", "-E"},
    "stdbuf": {"-i", "-o", "-e"},
    "timeout": {"-s", "-k", "--signal", "--kill-after"},
}
"""Programs that run the one behind their options, to the options that take the next word as their value."""
_RUNNER_OPTIONS = {"-n", "-p", "--cwd", "--with", "--python", "--project", "--directory", "-C"}
_RUNNERS = frozenset({("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("conda", "run")})
_SUBSHELLS = frozenset({"subshell", "command_substitution", "process_substitution", "pipeline"})
_ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)


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
    after: str = ""
    """Where the shell is behind it, all subshells left; as `folder`."""
    folder: str = ""
    """Where an earlier `cd` went, unexpanded; empty for where the line began, else absolute or relative to it."""

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


def python_commands(code: str, nested: int = _MOST_NESTED, around: str = "") -> tuple[Command, ...]:
    """The commands that Python code starts through `os` or `subprocess` with literal arguments."""
    lines = started_lines(code[:MOST_CHARS])
    places = ((line, joined(around, folder) if folder else around) for line, folder in lines)
    return tuple(command for line, folder in places for command in _commands(line, nested - 1, folder))


def joined(folder: str, target: str) -> str:
    """Where `cd target` leads from a folder; what begins with an expansion is a place of its own."""
    if target in ("", "-"):
        return ""
    path = target if target.startswith(("/", "~", "$", "`")) else posixpath.normpath(posixpath.join(folder, target))
    return "" if path == "." else path.rstrip("/") or "/"


@dataclass(frozen=True, slots=True)
class _Inside:
    """A node and those around it, for asking a node of the parser for its parent searches from the root."""

    node: Node
    parent: _Inside | None = None


def _commands(text: str, nested: int, folder: str = "") -> Iterator[Command]:
    # Offsets of the tree are bytes; lone surrogates cannot be encoded and stand for nothing in a command.
    source = text[:MOST_CHARS].encode("utf-8", "replace")
    stack: list[_Inside | None] = [_Inside(Parser(_LANGUAGE).parse(source).root_node)]
    saved: list[str] = []
    while stack:
        inside = stack.pop()
        if inside is None:
            folder = saved.pop()
            continue
        if inside.node.type == "command" and (command := _command(inside, folder)) is not None:
            if command.name in ("cd", "pushd"):
                folder = joined(folder, next((word for word in command.words[1:] if word not in ("--", "-P")), ""))
            after = saved[0] if saved else folder
            yield replace(command, after=after)
            if nested > 0:
                yield from (replace(inner, after=after) for inner in _inner(command, nested))
        if inside.node.type in _SUBSHELLS:
            saved.append(folder)
            stack.append(None)
        stack.extend(_Inside(child, inside) for child in reversed(inside.node.named_children))


def _inner(command: Command, nested: int) -> Iterator[Command]:
    """What a shell or an interpreter is given to run."""
    code = python_code(command)
    if code:
        yield from python_commands(code, nested, command.folder)
    elif command.name in _SHELLS:
        place = next((i for i, word in enumerate(command.words) if re.fullmatch(r"-[a-z]*c", word)), 0)
        script = command.words[place + 1] if 0 < place < len(command.words) - 1 else command.stdin
        yield from _commands(script, nested - 1, command.folder)
    elif command.name == "eval":
        yield from _commands(" ".join(command.words[1:]), nested - 1, command.folder)


def python_code(command: Command) -> str:
    """The code that a call of Python is given in place of a file, else empty."""
    if not _PYTHON.fullmatch(command.name):
        return ""
    if "-c" in command.words[:-1]:
        return command.words[command.words.index("-c") + 1]
    return command.stdin


def _command(inside: _Inside, folder: str) -> Command | None:
    node = inside.node
    parts = [child for child in node.named_children if not child.type.endswith("redirect")]
    words = _unwrapped([_word(child) for child in parts if child.type != "variable_assignment"])
    if not words:
        return None
    redirects = _redirects(inside)
    return Command(tuple(words), _text(node), tuple(_writes(redirects)), _stdin(redirects), folder=folder)


def _unwrapped(words: list[str]) -> list[str]:
    """Without `sudo`, `timeout 5`, `env X=1` and their options before the program itself."""
    while words:
        name = words[0].rsplit("/", 1)[-1]
        if tuple(words[:2]) in _RUNNERS:
            words = _without_options(words[2:], _RUNNER_OPTIONS)
        elif name in _WRAPPERS:
            words = _without_options(words[1:], _WRAPPERS[name])[name == "timeout" :]
        else:
            return words
    return words


def _without_options(words: list[str], with_value: set[str]) -> list[str]:
    while words and (words[0].startswith("-") or _ASSIGNMENT.fullmatch(words[0])):
        words = words[2:] if words[0] in with_value else words[1:]
    return words


def _redirects(inside: _Inside) -> list[Node]:
    """The redirections of a command: its own, and those of the statement around it."""
    found = [child for child in inside.node.named_children if child.type.endswith("redirect")]
    while inside.parent is not None and inside.parent.node.type == "list" and _is_last(inside, inside.parent):
        # The parser hangs the redirection of `a && b > c` on the whole, the shell on `b`.
        inside = inside.parent
    parent = inside.parent
    if parent is None:
        return found
    if parent.node.type == "redirected_statement" and parent.node.named_child(0) == inside.node:
        found += [child for child in parent.node.named_children if child.type.endswith("redirect")]
    if parent.node.type in ("pipeline", "heredoc_redirect"):
        holder = parent if parent.node.type == "heredoc_redirect" else parent.parent
        if holder is not None and holder.node.type == "heredoc_redirect":
            found.append(holder.node)
    return found


def _is_last(inside: _Inside, parent: _Inside) -> bool:
    return parent.node.named_child(parent.node.named_child_count - 1) == inside.node


def _writes(redirects: list[Node]) -> Iterator[str]:
    for redirect in redirects:
        for child in [redirect, *redirect.named_children]:
            target = child.child_by_field_name("destination") if child.type == "file_redirect" else None
            if target is not None and ">" in _text(child) and target.type != "number":
                yield _word(target)


def _stdin(redirects: list[Node]) -> str:
    for redirect in redirects:
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
