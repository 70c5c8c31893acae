"""A root directory from this host's own programs, so that a sandbox needs neither registry nor download.

The host's `/usr` is bound read-only, and of `/etc` only what programs need to find libraries and each other. Users,
hosts and the rest are made anew; nothing else of the host can be seen. `/usr/local` is the sandbox's own, empty and
writable, unless the host's Python lives there, which is then shown with the rest.
"""

from __future__ import annotations

from pathlib import Path

LINKED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Links into /usr on most systems; bound like it where they are directories."""
SHOWN = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")
MADE = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def make_host_root(folder: Path) -> list[Path]:
    """Make the directory, empty but for links, mount points and a few files, under `folder`."""
    root = folder / "host"
    for name in ("usr/local/bin", "etc", "proc", "dev", "root", "home", "opt", "run", "tmp", "var/tmp"):
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for path in _shown():
        place = root / path.relative_to("/")
        if path.is_symlink():
            place.symlink_to(path.readlink())
        elif path.is_dir():
            place.mkdir(exist_ok=True)
        else:
            place.touch()
    for name, text in MADE.items():
        (root / name).write_text(text, encoding="ascii")
    return [root]


def host_binds() -> list[str]:
    """What bubblewrap is told to bind over that directory."""
    return [word for path in _shown() if not path.is_symlink() for word in ("--ro-bind", str(path), str(path))]


def _shown() -> list[Path]:
    """What of the host is shown: links are copied, the rest is bound."""
    has_python = any(Path("/usr/local/bin").glob("python3*"))
    programs = [path for path in sorted(Path("/usr").iterdir()) if path.name != "local" or has_python]
    return [path for path in [*programs, *(Path("/") / name for name in LINKED), *map(Path, SHOWN)] if path.exists()]
