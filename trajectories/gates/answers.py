"""Leak: asking for the answer, on the project's pages, through gh, a search engine, or in the data set itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from trajectories.gates.actions import action_commands, python_sources
from trajectories.gates.base import Always, GateSettings, excerpt
from trajectories.gates.projects import Project, fetched_urls, project_of, split_url
from trajectories.gates.shell import Command
from trajectories.gates.whole import Found
from trajectories.records import Action, Episode

_GH = frozenset({"pr", "issue", "api", "search", "browse", "release"})
_GH_WRITES = frozenset({"create", "close", "comment", "edit", "merge", "reopen", "lock"})
_PAGES = frozenset({"pull", "pulls", "issues", "commit", "commits", "compare", "releases"})
_SEARCH_HOSTS = re.compile(r"(?:html\.)?(?:google|bing|duckduckgo|startpage|yandex|kagi|baidu|ecosia)\.\w+(?:\.\w+)?")
_QUESTION_HOSTS = frozenset({"stackoverflow.com", "api.stackexchange.com", "code.djangoproject.com", "sourcegraph.com"})
_PATCH_HOSTS = frozenset({"patch-diff.githubusercontent.com"})
_SEARCH_TOOLS = frozenset({"web_search", "websearch", "search_web", "google_search", "tavily_search", "brave_search"})
_SEARCH_COMMANDS = frozenset({"ddgr", "googler", "tuxi", "howdoi"})
_DATA_SET = re.compile(r"(?:princeton-nlp|swe-?bench|swe-gym|nebius)/(?:swe[-_]?\w*)[\w-]*", re.IGNORECASE)
_LOADS = re.compile(r"\b(?:load_dataset|hf_hub_download|snapshot_download)\(")


class AskedAnswer(Always):
    """Drops episodes that look up the issue, the pull request, the task's data set, or search the web."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        self._tasks = settings.tasks

    def look(self, episode: Episode) -> Found:
        """One finding a reason and step."""
        project = project_of(episode, self._tasks.get(episode.instance_id))
        for step, turn in enumerate(episode.turns, start=1):
            for reason, text in dict(_leaks(turn.action, project)).items():
                yield step, reason, excerpt(text)


def _leaks(action: Action, project: Project) -> Iterator[tuple[str, str]]:
    if action.tool.lower() in _SEARCH_TOOLS:
        yield "searches the web", " ".join(value for _, value in action.arguments)
    for command in action_commands(action):
        if _asks_gh(command):
            yield "asks GitHub through gh", command.text
        if command.name in _SEARCH_COMMANDS:
            yield "searches the web", command.text
    for url, text in fetched_urls(action):
        if reason := _url_leak(url, project):
            yield reason, text
    for code in python_sources(action):
        if _LOADS.search(code) and _DATA_SET.search(code):
            yield "loads the data set of the task", code


def _asks_gh(command: Command) -> bool:
    words = command.words
    if command.name not in ("gh", "hub") or len(words) < 2 or words[1] not in _GH:
        return False
    return words[1] in ("api", "search", "browse") or not set(words[2:3]) & _GH_WRITES


def _url_leak(url: str, project: Project) -> str:
    host, path = split_url(url)
    if host in _PATCH_HOSTS:
        return "reads a patch of the project"
    if _SEARCH_HOSTS.fullmatch(host) and (path[:1] in (["search"], ["html"], []) and "?" in url):
        return "searches the web"
    if host in _QUESTION_HOSTS and path:
        return f"asks {host}"
    if host.endswith("huggingface.co") and _DATA_SET.search("/".join(path)):
        return "loads the data set of the task"
    if host == "api.github.com" and path[:1] == ["search"]:
        return "searches GitHub"
    if host not in ("github.com", "api.github.com"):
        return ""
    if host == "api.github.com":
        path = path[1:]
    if host == "github.com" and path[:1] == ["search"]:
        return "searches GitHub"
    own = len(path) > 2 and (not project.repository or project.owns(path[0], path[1]))
    return "reads the project's issues, pull requests or commits" if own and path[2] in _PAGES else ""
