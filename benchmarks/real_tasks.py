"""The real tasks of `real_replay.py`: which sdist has their files, and a sandbox's image made from it.

Left out: tasks whose package needs compiling (astropy), and the tests' own environment, which the recorded runs never
entered.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Task:
    """Where the files of a task come from."""

    instance_id: str
    version: str
    """Of Django on PyPI, found with --versions: the one in which most observations are the same."""
    wheels: tuple[str, ...] = ()
    """What the expert installed from the network, laid in the image instead; empty where its network failed it."""
    older: tuple[str, ...] = ()
    """An earlier version, and the files taken from it: those that the task's fix, or later work, changed by then."""
    undone: tuple[str, ...] = ()
    """A file, what the fix put there, and what stood there before. Blob hashes in the recorded patch tell it is so."""


AUTOCOMPLETE = "django/contrib/admin/views/autocomplete.py"
SHELL = "django/core/management/commands/shell.py"
NETWORK = ("asgiref", "pytz", "sqlparse")
BOUND_FIELD = "django/forms/boundfield.py"
AUTOCOMPLETE_TESTS = "tests/admin_views/test_autocomplete_view.py"
TASKS = (
    Task("django__django-11039", "2.2", ("pytz", "sqlparse")),
    Task("django__django-11999", "3.0b1"),
    Task("django__django-12983", "3.1a1", ("asgiref", "pytz")),
    Task("django__django-13447", "3.2a1", NETWORK),
    Task("django__django-13660", "3.2a1", NETWORK, ("3.1.2", "tests/shell/tests.py"), (SHELL, ", globals())", ")")),
    Task("django__django-14411", "3.2.2", NETWORK),
    Task("django__django-14752", "4.0a1", (), ("3.2.2", AUTOCOMPLETE, AUTOCOMPLETE_TESTS, BOUND_FIELD)),
    Task("django__django-15347", "4.0.1"),
)
PIP = "pip==23.3.1"
"""Of the Miniconda that SWE-bench's images hold (py311_23.11.0-2); later ones word their warnings differently."""
PINNED = {"asgiref": "asgiref==3.11.1", "pytz": "pytz==2026.1.post1", "sqlparse": "sqlparse==0.5.5"}
"""What the recording installed, by its own output."""
IGNORED = "*.egg-info\n*.pot\n*.py[co]\n.tox/\n__pycache__/\nMANIFEST\ndist/\ntests/coverage_html/\n"
"""Stands for Django's .gitignore, which its sdists leave out."""
PYTHON = "/opt/miniconda3"
"""Where the recorded images have the Python that is first on the path."""
ENVIRONMENT = {
    # The last is where Debian's Python has pip put scripts.
    "PATH": f"{PYTHON}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{PYTHON}/local/bin",
    "HOME": "/root",
    # mini-swe-agent's own, as its configuration in the records says.
    "PAGER": "cat",
    "MANPAGER": "cat",
    "LESS": "-R",
    "PIP_PROGRESS_BAR": "off",
    "TQDM_DISABLE": "1",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/opt/wheels",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def make_image(cache: Path, task: Task, backend: str) -> str:
    """What the backend's Spec.image names: two root directories, or an image that is built where it is missing."""
    tarball = _base_tarball(cache)
    layer = make_layer(cache, task)
    if backend == "docker":
        return _docker_image(
            cache, layer, f"srl-agent/{task.instance_id.replace('__', '.')}:{task.version}-{_digest(task)}"
        )
    return f"{layer}:{_unpacked(tarball, cache / 'base')}"


def _base_tarball(cache: Path) -> Path:
    script = Path(__file__).parent.parent / "docker" / "make-base-image"
    done = _run([str(script), "unused", str(cache), "--tarball-only"])
    return Path(done.splitlines()[-1])


def _unpacked(tarball: Path, target: Path) -> Path:
    if not target.exists():
        with _made_whole(target) as partial, tarfile.open(tarball) as archive:
            archive.extractall(partial, filter="fully_trusted")
    return target


def make_layer(cache: Path, task: Task) -> Path:
    """The directories that a task adds to the base: the repository, Python, and what pip may install."""
    layer = cache / "layers" / f"{task.instance_id}-{task.version}-{_digest(task)}"
    if layer.exists():
        return layer
    base = _unpacked(_base_tarball(cache), cache / "base")
    with _made_whole(layer) as partial:
        sdists = [download_sdist(cache / "sdists", version) for version in (task.version, *task.older[:1])]
        _lay_repository(partial / "testbed", sdists, task)
        _lay_python(partial, base, download_wheels(cache / "wheels", [PIP])[0])
        (partial / "opt/wheels").mkdir()
        for wheel in download_wheels(cache / "wheels", [PINNED[name] for name in task.wheels]):
            shutil.copy(wheel, partial / "opt/wheels")
    return layer


def download_sdist(folder: Path, version: str) -> Path:
    """The sdist, from the folder or PyPI."""
    if not (found := _sdists(folder, version)):
        _pip("download", "-q", "--no-deps", "--no-binary", "django", "-d", str(folder), f"django=={version}")
        found = _sdists(folder, version)
    return found[0]


def _sdists(folder: Path, version: str) -> list[Path]:
    return [path for path in folder.glob("*.tar.gz") if path.name.lower() == f"django-{version}.tar.gz"]


def download_wheels(folder: Path, requirements: Sequence[str]) -> list[Path]:
    """The wheels, from the folder or PyPI, in the order of the requirements."""
    wheels: list[Path] = []
    for requirement in requirements:
        pattern = f"{requirement.replace('==', '-')}-*.whl"
        if not list(folder.glob(pattern)):
            _pip("download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder), requirement)
        wheels.extend(folder.glob(pattern))
    return wheels


def _digest(task: Task) -> str:
    return hashlib.sha256(repr(task).encode()).hexdigest()[:8]


def _lay_repository(place: Path, sdists: Sequence[Path], task: Task) -> None:
    """The first sdist's files as a checkout of one commit, some of them as the task had them."""
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        shutil.move(_extracted(sdists[0], Path(scratch) / "new"), place)
        for path in task.older[1:]:
            shutil.copy(_extracted(sdists[-1], Path(scratch) / "old") / path, place / path)
    # A checkout names the version without its last digit: 3.2 in the recording where the first alpha says 3.2a1.
    version = place / "django/__init__.py"
    version.write_text(version.read_text(encoding="utf-8").replace("'alpha', 1", "'alpha', 0"), encoding="utf-8")
    if task.undone:
        path, new, old = task.undone
        (place / path).write_text((place / path).read_text(encoding="utf-8").replace(new, old), encoding="utf-8")
    (place / "PKG-INFO").unlink()
    (place / ".gitignore").write_text(IGNORED, encoding="utf-8")
    for folder in (place, *place.rglob("*/")):
        folder.chmod(0o777)  # as the recorded images have them
    git = ["git", "-C", str(place), "-c", "user.name=none", "-c", "user.email=none@example.invalid"]
    _run([*git, "init", "-q"])
    # In the whole history ten digits are needed to tell objects apart, and so `git diff` prints ten.
    _run([*git, "config", "core.abbrev", "10"])
    _run([*git, "add", "-A"])
    _run([*git, "commit", "-q", "-m", "SWE-bench"])


def _extracted(sdist: Path, place: Path) -> Path:
    if not place.exists():
        with tarfile.open(sdist) as archive:
            archive.extractall(place, filter="data")
    return next(place.iterdir())


def _lay_python(layer: Path, base: Path, pip_wheel: Path) -> None:
    """Debian's Python where the recorded image has conda's, so that paths in tracebacks are the same."""
    prefix = layer / PYTHON.lstrip("/")
    library = prefix / "lib/python3.11"
    shutil.copytree(base / "usr/lib/python3.11", library, symlinks=True)
    (library / "EXTERNALLY-MANAGED").unlink(missing_ok=True)
    (prefix / "bin").mkdir()
    shutil.copy(base / "usr/bin/python3.11", prefix / "bin")
    for name in ("python", "python3"):
        (prefix / "bin" / name).symlink_to("python3.11")
    packages = prefix / "local/lib/python3.11/dist-packages"
    _pip("install", "-q", "--no-deps", "--no-index", "--target", str(packages), str(pip_wheel))
    script = prefix / "bin/pip"
    script.write_text(f"#!{PYTHON}/bin/python\nfrom pip._internal.cli.main import main\nraise SystemExit(main())\n")
    script.chmod(0o755)


def _docker_image(cache: Path, layer: Path, tag: str) -> str:
    from envs.images import build_from_dockerfile, is_here

    base = "srl-agent/base:bookworm"
    if not is_here(base):
        _run([str(Path(__file__).parent.parent / "docker" / "make-base-image"), base, str(cache)])
    if not is_here(tag):
        with tempfile.TemporaryDirectory() as scratch:
            with tarfile.open(Path(scratch) / "layer.tar", "w") as archive:
                archive.add(layer, ".")
            (Path(scratch) / "Dockerfile").write_text(f"FROM {base}\nADD layer.tar /\n", encoding="utf-8")
            build_from_dockerfile(Path(scratch), tag)
    return tag


class _made_whole:
    """A directory that gets its name only when it is complete."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.partial = target.with_name(f".{target.name}.partial")

    def __enter__(self) -> Path:
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)
        return self.partial

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.partial.rename(self.target)


def _pip(*words: str) -> None:
    _run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words])


def _run(words: Sequence[str]) -> str:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout
