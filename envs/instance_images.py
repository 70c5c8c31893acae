"""The image of a SWE-bench instance, made without a registry: the harness's eval script runs in it as in the official.

The repository stands at /testbed and ends at its base commit (`envs.base_commit`); a virtual environment is what
`source /opt/miniconda3/bin/activate; conda activate testbed` activates; pip, which the eval script calls to install the
project again, has no index and takes what it needs from the wheels that the image keeps. Nothing is fetched while it
is built. Left out: system packages that a project needs; docker/make-base-image --include puts them into the base.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from envs import base_commit
from envs.docker_engine import engine, engine_errors
from envs.errors import SandboxError
from envs.images import build_from_dockerfile, is_here, require_image, swebench_image

CONTENT = "srl-agent.content"
"""Label: what the image was made of."""
CONDA, WHEELS = "/opt/miniconda3", "/opt/wheels"
TESTBED = f"{CONDA}/envs/testbed"
ACTIVATE = f"""# Stands in for conda where an eval script activates its environment.
conda() {{
  case "${{1:-}}" in
    activate) . "{CONDA}/envs/${{2:-testbed}}/bin/activate" ;;
    deactivate) deactivate ;;
    *) echo "conda: this image has 'activate' and 'deactivate' only" >&2; return 1 ;;
  esac
}}
[ -z "${{1:-}}" ] || [ ! -d "{CONDA}/envs/$1" ] || conda activate "$1"
"""
PIP = {
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": WHEELS,
    # pip takes the value for the setting itself: false is no isolation (pip issue 5735).
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}
IGNORE = "git ls-files --others --exclude-standard --directory >> .git/info/exclude"
"""What installing left in the repository belongs to no patch."""
STAMP = 946_684_800
"""Seconds since 1970 at which all files were changed (2000-01-01): the same content gives the same layer."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What an instance's image is made of."""

    instance_id: str
    source: Path
    """A local git mirror (with `commit`), a folder of plain files, or an sdist (.tar.gz)."""
    commit: str = ""
    """The base commit, its whole name; empty for a source without history, which gets one."""
    base: str = "srl-agent/base:bookworm"
    """An image here with bash, git, patch and python3."""
    python: Path | None = None
    """Another Python than the base's: an archive of python-build-standalone, `..-install_only.tar.gz`."""
    wheels: Path | None = None
    """A folder of wheels: `pip download --only-binary=:all: --python-version 3.11 -d FOLDER PACKAGE ...`."""
    requirements: tuple[str, ...] = ()
    """Installed from them first: the runner of the tests, what the project needs to be built and to run."""
    install: str = "python -m pip install -e ."
    """Run in /testbed with the environment activated; empty for a project that is not installed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of everything in the image."""
    depth: int = 0
    """Commits of the history that are kept; 0: all up to the base commit."""

    @property
    def image(self) -> str:
        """Its name, as the harness expects it."""
        return swebench_image(self.instance_id)


def build_instance(instance: Instance) -> str:
    """Build the image unless one of the same content has its name already; the base commit.

    SandboxError with the end of the build's log, or naming what is missing.
    """
    require_image(instance.base)
    with tempfile.TemporaryDirectory(prefix="srl-agent-instance-") as scratch:
        repository, context = Path(scratch) / "testbed", Path(scratch) / "context"
        commit = checkout(instance, repository)
        context.mkdir()
        lines = dockerfile(instance)
        digest = _digest(instance, commit, lines)
        if _content(instance.image) != digest:
            _write_context(instance, repository, context)
            lines.append(f"LABEL {CONTENT}={digest}")
            (context / "Dockerfile").write_text("\n".join(lines) + "\n", encoding="utf-8")
            build_from_dockerfile(context, instance.image, network="none")
    return commit


def checkout(instance: Instance, folder: Path) -> str:
    """The repository as it stands in the image, in a new folder on this host; its base commit."""
    if not instance.source.exists():
        raise SandboxError(f"{instance.source} does not exist; give a git mirror, a folder or an sdist (.tar.gz)")
    if instance.commit:
        return base_commit.from_mirror(instance.source, instance.commit, folder, depth=instance.depth)
    return base_commit.from_files(instance.source, folder)


def dockerfile(instance: Instance) -> list[str]:
    """The lines of its Dockerfile, the least changing first; without BuildKit, which distributions' engines lack."""
    python = "/opt/python/bin/python3" if instance.python else "python3"
    lines = [f"FROM {instance.base}", "WORKDIR /testbed"]
    # ADD unpacks a local archive, whose top folder is `python`.
    lines += ["ADD python.tar.gz /opt/"] if instance.python else []
    trust = "git config --global --add safe.directory /testbed"
    lines += [f"COPY activate {CONDA}/bin/activate", f"RUN {python} -m venv {TESTBED} && {trust}"]
    lines += [f"COPY wheels {WHEELS}"] if instance.wheels else []
    # A container's plain shell has the environment too.
    lines += [*_variables(PIP), f"ENV PATH={TESTBED}/bin:$PATH"]
    lines += [f"RUN pip install -q {shlex.join(instance.requirements)}"] if instance.requirements else []
    lines += [*_variables(instance.environment), "ADD source.tar /testbed/"]
    # -u as in the eval scripts: what activates must bear it.
    activate = f"set -u; git reset -q && source {CONDA}/bin/activate && conda activate testbed"
    install = ["bash", "-c", f"{activate} && {{ {instance.install or 'true'}; }} && {IGNORE}"]
    lines += [f"RUN {json.dumps(install)}"]
    # The first process of a container ignores TERM: `docker stop` would wait.
    return [*lines, "STOPSIGNAL SIGKILL"]


def _variables(variables: Mapping[str, str]) -> list[str]:
    """Lines that set them, whatever they hold: a Dockerfile reads `$` and `\\` in quotes."""
    escaped = {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") for name, value in variables.items()
    }
    return [f'ENV {name}="{value}"' for name, value in sorted(escaped.items())]


def _digest(instance: Instance, commit: str, lines: list[str]) -> str:
    """Of all that the image is made of; wheels by their names, which hold the version."""
    with engine_errors(f"image {instance.base}"):
        base = str(engine().images.get(instance.base).id)
    wheels = sorted(path.name for path in instance.wheels.iterdir()) if instance.wheels else []
    python = hashlib.sha256(instance.python.read_bytes()).hexdigest() if instance.python else ""
    parts = [base, commit, lines, wheels, python, ACTIVATE]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _content(image: str) -> str:
    """What the image here was made of; empty where there is none."""
    if not is_here(image):
        return ""
    with engine_errors(f"image {image}"):
        return str((engine().images.get(image).labels or {}).get(CONTENT, ""))


def _write_context(instance: Instance, repository: Path, context: Path) -> None:
    (context / "activate").write_text(ACTIVATE, encoding="utf-8")
    if instance.python:
        shutil.copyfile(instance.python, context / "python.tar.gz")
    if instance.wheels:
        shutil.copytree(instance.wheels, context / "wheels")
    # Times and numbers of this host's files; made anew in the image.
    (repository / ".git/index").unlink(missing_ok=True)
    with tarfile.open(context / "source.tar", "w") as archive:
        archive.add(repository, ".", filter=_of_nobody)


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = STAMP
    return member
