"""Which files an issue is about: the repository's tree as a prompt shows it, and the paths that an answer names.

The tree has source files only: by the ends of their names, without tests, hidden folders and what is carried along
from elsewhere. Where it is longer than its budget, folders are folded to their names and numbers of files, one by one:
the deepest first, and of equally deep ones the fullest. Files that are left out or folded may be named all the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate, takewhile
from posixpath import basename

from srl_agent.output_format import CLOSE
from srl_agent.patchers.edit_prompt import fitting_issue, largest
from trajectories.records import Message

SOURCES = (".py", ".pyx", ".pyi", ".c", ".h", ".cc", ".cpp", ".hpp", ".js", ".ts", ".java", ".go", ".rs", ".rb", ".php")
NOT_SOURCE = re.compile(
    r"(^|/)(\.[^/]+|tests?|testing|docs?|examples?|vendor|third_party|node_modules|_vendor|extern)/"
    r"|(^|/)(test_[^/]*|[^/]*_tests?\.\w+|conftest\.py)$"
)
"""Folders and names whose files are left out."""
SYSTEM_PROMPT = """\
You find the files of a code repository that have to change to resolve an issue. Answer with your reasoning, once, and \
then the paths, at most {most}, one a line, the likeliest first:
<think>which parts of the code the issue is about</think>
path/to/file.py"""
_PATH = re.compile(r"[\w./+-]+")


def localise_prompt(
    issue: str, paths: Iterable[str], most: int, budgets: tuple[int, int], count: Callable[[str], int]
) -> tuple[Message, ...]:
    """The prompt; `budgets` are the tokens of the issue and of the tree."""
    shown, tree = fitting_issue(issue, budgets[0], count).strip(), listing(paths, budgets[1], count)
    user = f"<issue>\n{shown}\n</issue>\n\n<repository>\n{tree}\n</repository>"
    return Message("system", SYSTEM_PROMPT.format(most=most)), Message("user", user)


def is_source(path: str) -> bool:
    """Whether the tree shows a file."""
    return path.endswith(SOURCES) and not NOT_SOURCE.search(path)


def listing(paths: Iterable[str], tokens: int, count: Callable[[str], int]) -> str:
    """The tree of the source files, a name a line, indented by one blank a level, folded until it has so many tokens.

    Folded to its uppermost level and still too long, it is cut at its end.
    """
    sources = sorted(filter(is_source, paths))
    folders = _folders(sources)
    kept = largest(len(folders), lambda kept: count(_tree(sources, set(folders[kept:]))) <= tokens)
    lines = _tree(sources, set(folders[kept:])).split("\n")
    whole = largest(len(lines), lambda most: count("\n".join(lines[:most])) <= tokens)
    return "\n".join(lines if whole == len(lines) else [*lines[:whole], "..."])


def _folders(sources: Sequence[str]) -> list[str]:
    """The folders, the first to be folded last: the deepest, and of equally deep ones those with most files."""
    files = Counter(path[: place + 1] for path in sources for place, letter in enumerate(path) if letter == "/")
    return sorted(files, key=lambda folder: (folder.count("/"), files[folder], folder))


def _tree(sources: Sequence[str], folded: Collection[str]) -> str:
    """The tree, with the files of folded folders counted in place of named."""
    lines: list[str] = []
    counts: dict[int, int] = {}
    before: list[str] = []
    for path in sources:
        *folders, name = path.split("/")
        chain = accumulate(f"{folder}/" for folder in folders)
        depth = next((level for level, folder in enumerate(chain, start=1) if folder in folded), 0)
        shown = folders[:depth] if depth else folders
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, shown, strict=False)))
        lines += [f"{' ' * level}{shown[level]}/" for level in range(same, len(shown))]
        before = shown
        if depth:
            counts[len(lines) - 1] = counts.get(len(lines) - 1, 0) + 1
        else:
            lines.append(f"{' ' * len(folders)}{name}")
    return "\n".join(f"{line} ({counts[place]} files)" if place in counts else line for place, line in enumerate(lines))


def named_files(output: str, known: Iterable[str], most: int) -> list[str]:
    """The files that an answer names, each once and at most so many, in its order.

    A name without its folders counts where only one source file is called so.
    """
    files = set(known)
    by_name: dict[str, list[str]] = {}
    for path in filter(is_source, files):
        by_name.setdefault(basename(path), []).append(path)
    found: dict[str, None] = {}
    for word in _PATH.findall(output.rpartition(CLOSE)[2]):
        path = word.removeprefix("./").rstrip(".")
        alike = by_name.get(path, [])
        if path in files:
            found[path] = None
        elif len(alike) == 1:
            found[alike[0]] = None
    return list(found)[:most]
