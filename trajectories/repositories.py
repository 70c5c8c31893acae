"""Which repository an episode's task belongs to, told from its meta or its instance id."""

from __future__ import annotations

import re

from trajectories.records import Episode

_NUMBERED = re.compile(r"(?P<owner>[^\s/]+?)__(?P<name>[^\s/]+)-\d+", re.ASCII)
"""SWE-bench, SWE-Gym and most others: `astropy__astropy-12907`."""
_MIRRORED = re.compile(r"(?P<owner>[^\s/]+?)__(?P<name>[^\s/]+?)\.[0-9a-f]{7,40}(?:\..*)?", re.ASCII | re.DOTALL)
"""SWE-smith, as an instance id or as the name of its mirror: `oauthlib__oauthlib.1fd52536.func_basic__x`."""
META_KEYS = ("repo", "repository")


def repository_of(episode: Episode) -> str:
    """`owner/name` in lower case, or the bare name where the meta holds no more; empty where nothing tells."""
    for key in META_KEYS:
        if named := episode.meta.get(key, "").strip().lower():
            return _of_id(named.rpartition("/")[2]) or named
    return _of_id(episode.instance_id.lower())


def _of_id(name: str) -> str:
    found = _MIRRORED.fullmatch(name) or _NUMBERED.fullmatch(name)
    return f"{found['owner']}/{found['name']}" if found else ""
