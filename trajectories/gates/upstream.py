"""Leak: fetching another version of the task's own project, whose source holds the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from trajectories.gates.actions import action_commands, expanded
from trajectories.gates.base import Always, GateSettings, excerpt
from trajectories.gates.projects import (
    Project,
    distribution_name,
    fetched_urls,
    is_git_clone,
    project_of,
    split_url,
)
from trajectories.gates.shell import Command, word_set
from trajectories.gates.whole import Found
from trajectories.records import Episode, Turn

_HOSTS = frozenset(
    {
        "github.com",
        "raw.githubusercontent.com",
        "codeload.github.com",
        "api.github.com",
        "gitlab.com",
        "bitbucket.org",
        "gitee.com",
    }
)
_ANSWERS = frozenset({"pull", "pulls", "issues", "commit", "commits", "compare", "releases"})
"""Parts of a repository's pages that the gate for asked answers looks at."""
_GETS = frozenset({"install", "download", "wheel", "add"})
_PACKAGERS = frozenset({"pip", "conda", "mamba", "micromamba", "uv", "poetry", "easy_install", "pipx", "npm", "yarn"})
_WITH_VALUE = word_set(
    "-r -c -e -t -d -i -f --requirement --constraint --editable --target --dest --index-url --find-links --prefix "
    "--extra-index-url --python --python-version --platform --only-binary --no-binary -n --name --channel"
)
_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?:[=<>!~@].*)?", re.DOTALL)
_INSTALLED = re.compile(r"(?:site|dist)-packages/([\w.-]+?)(?:\.py)?(?:/|$|[:\s])")
_FETCHED = re.compile(r"\b(?:Collecting|Downloading|Successfully (?:installed|downloaded)|Saved)\b")
_READERS = word_set(
    "cat less more head tail sed grep egrep rg awk diff cp vim vi nl bat view open python python3 ack ag"
)


class UpstreamSource(Always):
    """Drops episodes that install, download, clone or read another copy of the project they work on."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        self._tasks = settings.tasks

    def look(self, episode: Episode) -> Found:
        """One finding a command; none where nothing tells the project of the episode."""
        project = project_of(episode, self._tasks.get(episode.instance_id))
        if project.repository:
            for step, turn in enumerate(episode.turns, start=1):
                for reason, text in dict(_leaks(turn, project)).items():
                    yield step, reason, excerpt(text)


def _leaks(turn: Turn, project: Project) -> Iterator[tuple[str, str]]:
    for url, text in fetched_urls(turn.action):
        if _is_source(url, project):
            yield f"fetches the project's source from {split_url(url)[0]}", text
    for command in action_commands(turn.action):
        if is_git_clone(command) and any(_is_source(word, project) for word in expanded(command, turn.action)):
            yield "clones the project", command.text
        if _gets_package(command, project) and not _had_it(turn.observation):
            yield "gets another version of the project", command.text
        if command.name in _READERS and any(_is_copy(word, project) for word in command.words[1:]):
            yield "reads an installed copy of the project", command.text
    for key, value in turn.action.arguments:
        if key in ("path", "file_path") and _is_copy(value, project):
            yield "reads an installed copy of the project", value


def _is_source(url: str, project: Project) -> bool:
    """Whether a URL, or `owner/name` as gh takes it, is source of the project."""
    if re.fullmatch(r"[\w.-]+/[\w.-]+", url):
        return project.owns(*url.split("/"))
    host, path = split_url(url)
    if host in ("pypi.org", "files.pythonhosted.org", "pypi.python.org"):
        return any(distribution_name(re.split(r"-\d", part)[0]) in project.distributions for part in path)
    if host == "web.archive.org" and (
        archived := re.search(r"/(https?:/+.*|[\w-]+\.\w+/.*)", "/".join(["", *path[2:]]))
    ):
        return _is_source(re.sub(r"^(https?):/+", r"\1://", archived[1]), project)
    if host == "cdn.jsdelivr.net" and path[:1] == ["gh"]:
        path = path[1:]
    elif host not in _HOSTS:
        return False
    if host == "api.github.com" and path[:1] == ["repos"]:
        path = path[1:]
    if len(path) < 2 or not project.owns(path[0], path[1].partition("@")[0]):
        return False
    return path[2:3] == [] or path[2] not in _ANSWERS


def _gets_package(command: Command, project: Project) -> bool:
    words = list(command.words)
    if re.fullmatch(r"python[\d.]*", command.name) and words[1:2] == ["-m"]:
        words = words[2:]
    name = re.sub(r"^(pip|easy_install)[\d.-]*$", r"\1", words[0].rsplit("/", 1)[-1]) if words else ""
    if name == "apt-get" and words[1:2] == ["source"]:
        return any(distribution_name(word).removeprefix("python3-") in project.distributions for word in words[2:])
    if name == "uvx" or (name == "pipx" and words[1:2] == ["run"]) or (name == "uv" and words[1:3] == ["tool", "run"]):
        tools = [word for word in words[1:] if not word.startswith("-") and word not in ("run", "tool")]
        return any(_names(word, project) for word in tools[:1])
    if name not in _PACKAGERS:
        return False
    rest = words[1:]
    if name == "uv" and rest[:1] == ["pip"]:
        rest = rest[1:]
    if name != "easy_install":
        verb = next((place for place, word in enumerate(rest) if not word.startswith("-")), len(rest))
        if rest[verb : verb + 1] not in [[get] for get in _GETS]:
            return False
        rest = rest[verb + 1 :]
    return any(_names(word, project) for word in _packages(rest))


def _packages(words: list[str]) -> Iterator[str]:
    before = ""
    for word in words:
        if not word.startswith("-") and before not in _WITH_VALUE:
            yield word
        before = word


def _names(word: str, project: Project) -> bool:
    if "://" in word:
        return _is_source(word[word.index("git+") :] if "git+" in word else word, project)
    found = _REQUIREMENT.fullmatch(word)
    return found is not None and distribution_name(found[1]) in project.distributions


def _had_it(observation: str) -> bool:
    """Whether the package was there already, so that nothing was fetched."""
    return "Requirement already satisfied" in observation and not _FETCHED.search(observation)


def _is_copy(word: str, project: Project) -> bool:
    return any(name.lower() in project.modules for name in _INSTALLED.findall(word))
