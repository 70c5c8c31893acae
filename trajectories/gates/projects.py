"""The names under which an episode's own project is known: on GitHub, on PyPI and when imported; and its URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from trajectories.gates.actions import action_commands, expanded, python_sources
from trajectories.gates.shell import Command
from trajectories.gates.tasks import TaskFacts
from trajectories.records import Action, Episode
from trajectories.repositories import repository_of

_IMPORTED = {
    "scikit-learn": "sklearn",
    "python-dotenv": "dotenv",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "beautifulsoup": "bs4",
    "scikit-image": "skimage",
    "opencv-python": "cv2",
    "attrs": "attr",
    "python-dateutil": "dateutil",
    "pytest": "_pytest",
    "setuptools": "setuptools",
    "pylint": "pylint",
    "cpython": "",
}
"""Distribution name to import name where one does not follow from the other."""
_URL = re.compile(
    r"""(?:https?|git|ssh)(?:\+\w+)?://[^\s"'`<>|;)\\]+|git\+https?://[^\s"'`<>|;)\\]+|\bgit@[\w.-]+:[^\s"'`<>|;)]+"""
)
_BARE_URL = re.compile(
    r"(?:www\.)?(?:github\.com|raw\.githubusercontent\.com|api\.github\.com|pypi\.org|duckduckgo\.com|google\.com)/\S+"
)
_FETCHERS = frozenset({"curl", "wget", "http", "https", "aria2c", "lynx", "w3m", "links", "fetch", "xh", "svn"})
_FETCH_CALL = re.compile(
    r"\b(?:requests\.(?:get|post|Session|request)|httpx\.|urlopen|urlretrieve|aiohttp|wget\.download|urllib3|"
    r"http\.client|pd\.read_\w+|git\.Repo\.clone_from|Repo\.clone_from)"
)
_BROWSER_TOOLS = frozenset({"browse", "browser", "web_read", "fetch", "webfetch", "web_fetch", "url_open", "open_url"})


@dataclass(frozen=True, slots=True)
class Project:
    """What the project of an episode is called, in lower case; empty sets where nothing tells."""

    repository: str
    """`owner/name`, a bare name, or empty."""
    distributions: frozenset[str]
    """Names on PyPI, `_` and `.` written `-`."""
    modules: frozenset[str]
    """Import names."""

    def owns(self, owner: str, name: str) -> bool:
        """Whether a repository is the project's, a fork or a mirror of it."""
        base = self.repository.rpartition("/")[2]
        plain = name.lower().removesuffix(".git")
        return (
            bool(base) and (plain == base or plain.startswith(f"{self.repository.replace('/', '__')}.")) and bool(owner)
        )


def project_of(episode: Episode, facts: TaskFacts | None = None) -> Project:
    """The names of an episode's project, from its task row where there is one, else as `repository_of` tells."""
    repository = repository_of(episode) or (facts.repository if facts else "")
    name = distribution_name(repository.rpartition("/")[2])
    if not name:
        return Project("", frozenset(), frozenset())
    plain = name.removeprefix("python-").removesuffix("-python").removesuffix("-py")
    imported = {_IMPORTED[key].lower() for key in (name, plain) if key in _IMPORTED}
    modules = {part.replace("-", "_") for part in (name, plain)} | imported
    return Project(repository, frozenset({name, plain}), frozenset(modules - {""}))


def distribution_name(name: str) -> str:
    """A name as PyPI normalises it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fetched_urls(action: Action) -> Iterator[tuple[str, str]]:
    """(URL, text it stands in) of what an action fetches from the network by itself."""
    for command in action_commands(action):
        if command.name in _FETCHERS:
            for word in expanded(command, action):
                for url in [*_URL.findall(word), *(_BARE_URL.findall(word) if "://" not in word else [])]:
                    yield url, command.text
    for code in python_sources(action):
        if _FETCH_CALL.search(code):
            yield from ((url, code) for url in _URL.findall(code))
    if action.tool.lower() in _BROWSER_TOOLS:
        for _, value in action.arguments:
            yield from ((url, value) for url in [*_URL.findall(value), *_BARE_URL.findall(value)])


def split_url(url: str) -> tuple[str, list[str]]:
    """Host without `www.` and the parts of the path; both empty where it cannot be read."""
    plain = re.sub(r"^git@([\w.-]+):", r"ssh://\1/", url.removeprefix("git+"))
    try:
        parts = urlsplit(plain if "://" in plain else f"https://{plain}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return "", []
    path = [unquote(part) for part in parts.path.split("/") if part]
    return host, path


def is_git_clone(command: Command) -> bool:
    """Whether the command clones a repository from a URL."""
    return (command.name == "git" and "clone" in command.words[1:]) or command.words[:3] == ("gh", "repo", "clone")
