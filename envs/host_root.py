"""A root directory from this host's own programs, so that a sandbox needs neither registry nor download.

The host's `/usr` is bound read-only, and of `/etc` only what programs need to find libraries and each other. Users,
hosts and the rest are made anew. Nothing else of the host can be seen.
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
    for name in ("usr", "etc", "proc", "dev", "root", "home", "opt", "run", "tmp", "var/tmp"):
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for name in LINKED:
        host = Path("/") / name
        if host.is_symlink():
            (root / name).symlink_to(host.readlink())
        elif host.is_dir():
            (root / name).mkdir()
    for path in SHOWN:
        if Path(path).is_dir():
            (root / path[1:]).mkdir()
        elif Path(path).exists():
            (root / path[1:]).touch()
    for path, text in MADE.items():
        (root / path).write_text(text, encoding="ascii")
    return [root]


def host_binds() -> list[str]:
    """What bubblewrap is told to bind over that directory."""
    folders = ["/usr", *(f"/{name}" for name in LINKED if not (Path("/") / name).is_symlink()), *SHOWN]
    return [word for path in folders for word in ("--ro-bind-try", path, path)]
