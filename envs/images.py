"""Images of sandboxes: their names for the known task sets, whether they are here, and how one is got or built."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import docker.errors
from docker.utils import match_tag

from envs.docker_engine import engine, engine_errors
from envs.errors import SandboxError

SMITH_ID = re.compile(r"(?P<owner>[^.]+?)__(?P<name>.+)\.(?P<commit>[0-9a-f]{8})(\..+)?")
"""SWE-smith's ids: owner__name.commit, and the mutation behind it."""

FAMILIES = {"swesmith": "swe-smith", "swegym": "swe-gym"}
"""How the names of formats begin that only one task set is published in."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
"""Colours and cursor movements in a build's log."""

IMAGE_COLUMNS = ("image", "image_name", "docker_image")
"""Columns of a task's row that name its image: swebench 5's, SWE-smith's, SWE-rebench's and R2E-Gym's."""
SMITH_ACCOUNTS = ("jyangballin", "swebench")


def swebench_image(instance_id: str) -> str:
    """`swebench/sweb.eval.x86_64.<id>:latest`, two underscores written `_1776_` as the Docker Hub allows no such pair.

    Source: swebench 5.0.2, swebench/image_builder/image_spec.py, `name`.
    """
    return f"swebench/sweb.eval.x86_64.{instance_id.replace('__', '_1776_')}:latest".lower()


def swegym_image(instance_id: str) -> str:
    """`xingyaoww/sweb.eval.x86_64.<id>:latest`, two underscores written `_s_`.

    Source: OpenHands, evaluation/benchmarks/swe_bench/run_infer.py, `get_instance_docker_image`.
    """
    return f"xingyaoww/sweb.eval.x86_64.{instance_id.replace('__', '_s_')}:latest".lower()


def swesmith_images(instance_id: str) -> list[str]:
    """`<account>/swesmith.x86_64.<owner>_1776_<name>.<commit>`: one image for all mutations of a commit.

    Source: swesmith 0.0.9, swesmith/profiles/base.py, `image_name`; its account on the Docker Hub was `jyangballin`
    before it was `swebench`. SandboxError for an id of another shape.
    """
    found = SMITH_ID.fullmatch(instance_id)
    if not found:
        raise SandboxError(f"'{instance_id}' is no id of SWE-smith: expected owner__name.<8 hex digits>.<mutation>")
    name = f"swesmith.x86_64.{found['owner']}_1776_{found['name']}.{found['commit']}:latest".lower()
    return [f"{account}/{name}" for account in SMITH_ACCOUNTS]


NAMING: Mapping[str, Callable[[str], list[str]]] = {
    "swe-bench": lambda instance_id: [swebench_image(instance_id)],
    "swe-gym": lambda instance_id: [swegym_image(instance_id)],
    "swe-smith": swesmith_images,
}
"""Task sets to the names that the image of an instance may have."""


def task_set(source: str) -> str:
    """The task set whose naming the episodes of a format follow; empty where the id has to tell."""
    return next((name for prefix, name in FAMILIES.items() if source.startswith(prefix)), "")


def image_names(row: Mapping[str, Any], source: str = "") -> list[str]:
    """The names that a task's image may have, the likeliest first: what its row says, else after its id.

    Without `source`, an id with a commit in it is SWE-smith's, and others, whose form is one, SWE-bench's or SWE-Gym's.
    SandboxError for an unknown source or a row without id.
    """
    named = next((str(row[column]) for column in IMAGE_COLUMNS if row.get(column)), "")
    if named:
        # SWE-smith's rows of 2025 name the image as it was built, not as it was published.
        published = f"{SMITH_ACCOUNTS[0]}/{named.replace('__', '_1776_')}".lower()
        return [named, published] if named.startswith("swesmith.") else [named]
    instance_id = str(row.get("instance_id") or "")
    if not instance_id:
        raise SandboxError("the task names neither an image nor an instance_id; give --image")
    if source and source not in NAMING:
        raise SandboxError(f"task set: unknown name '{source}'; known: {', '.join(NAMING)}")
    if source or SMITH_ID.fullmatch(instance_id):
        return NAMING[source or "swe-smith"](instance_id)
    return [swebench_image(instance_id), swegym_image(instance_id)]


def task_image(row: Mapping[str, Any], source: str = "") -> str:
    """The one of `image_names` that is here; the last, which can be pulled, where a row names it, else the first."""
    names = image_names(row, source)
    absent = names[-1] if names[0].startswith("swesmith.") else names[0]
    return next((name for name in names if is_here(name)), absent)


def is_here(image: str) -> bool:
    """Whether the engine has the image. SandboxError when no engine answers."""
    with engine_errors(f"image {image}"):
        try:
            engine().images.get(image)
        except docker.errors.ImageNotFound:
            return False
    return True


def require_image(image: str, *, pull: bool = False) -> None:
    """Make sure that the engine has the image, from its registry only with `pull`; nothing is ever built silently.

    SandboxError names the image and the command that gets it.
    """
    if is_here(image):
        return
    if pull:
        pull_image(image)
        return
    raise SandboxError(f"image {image} is not here; get it with: docker pull {image}")


def pull_image(image: str, say: Callable[[str], None] | None = None) -> None:
    """Fetch an image from its registry, telling `say` (the terminal, on standard error) each tenth of it that came.

    SandboxError where the registry cannot be reached or has no such image.
    """
    say = say or _to_terminal
    sizes: dict[str, tuple[int, int]] = {}
    told = -1
    repository, tag = split_tag(image)
    with engine_errors(f"image {image} is not here and cannot be pulled"):
        for event in engine().api.pull(repository, tag=tag, stream=True, decode=True):
            if "error" in event:
                raise SandboxError(f"image {image} is not here and cannot be pulled: {event['error']}")
            detail = event.get("progressDetail") or {}
            if event.get("status") == "Downloading" and detail.get("total"):
                sizes[event["id"]] = detail["current"], detail["total"]
                done, total = (sum(pair) for pair in zip(*sizes.values(), strict=True))
                if 10 * done // total > told:
                    told = 10 * done // total
                    say(f"pulling {image}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")


def split_tag(image: str) -> tuple[str, str]:
    """(repository, tag or digest) of an image name; a registry's port is no tag."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    head, slash, last = image.rpartition("/")
    name, _, tag = last.partition(":")
    return head + slash + name, tag or "latest"


def _to_terminal(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def build_from_dockerfile(folder: Path, tag: str, dockerfile: str = "Dockerfile", *, network: str | None = None) -> str:
    """Build an image from a folder with a Dockerfile; returns the tag. SandboxError with the end of the build's log.

    `network` is that of its RUN lines: `none`, or the engine's usual one."""
    if not match_tag(tag):
        raise SandboxError(f"'{tag}' is no name of an image; expected lower-case words as in team/project:1.0")
    lines: list[str] = []
    with engine_errors(f"building {tag} from {folder / dockerfile}"):
        for event in engine().api.build(
            path=str(folder), dockerfile=dockerfile, tag=tag, network_mode=network, rm=True, forcerm=True, decode=True
        ):
            lines.append(str(event.get("stream", "")))
            if "error" in event:
                log = ESCAPES.sub("", "".join(lines))[-2000:]
                raise SandboxError(f"building {tag} from {folder / dockerfile}: {event['error']}\n{log}")
    return tag


def build_from_folder(source: Path, tag: str, base: str, setup: str = "") -> str:
    """Build an image with a folder, or the content of an sdist (.tar.gz), at /testbed in a git history of one commit.

    `base` must be here and hold bash and git; `setup` is a command run in /testbed, such as `pip install -e .`,
    before the commit. Returns the tag. SandboxError as `build_from_dockerfile`, and where there is no such source.
    """
    if not source.exists():
        raise SandboxError(f"{source} does not exist; give a folder or an sdist (.tar.gz)")
    require_image(base)
    from envs.image_context import write_context

    with tempfile.TemporaryDirectory(prefix="srl-agent-build-") as scratch:
        write_context(Path(scratch), source, base, setup)
        return build_from_dockerfile(Path(scratch), tag)
