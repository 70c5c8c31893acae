"""Several overlay layers as one: run as a script within the namespace that sees them.

    python layers.py trusted|user TARGET UPPERMOST ... LOWEST -- BELOW ...

The first argument says which extended attributes the overlay keeps its marks in. Files become hard links, so that the
layers must lie on one file system and never change again. Whiteouts (character devices 0:0) and opaque directories
keep hiding what lies in the layers below; a whiteout that hides nothing there would itself be listed, as the kernel
looks for whiteouts only where directories are merged, and is dropped (kernel: filesystems/overlayfs.rst).
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path


def merge(layer: Path, target: Path, opaque: str) -> None:
    """Lay a layer over what `target` holds already; `opaque` names the attribute of directories that hide others."""
    for source in layer.iterdir():
        place = target / source.name
        if source.is_symlink() or not source.is_dir():
            _remove(place)
            os.link(source, place, follow_symlinks=False)
            continue
        hides = _is_opaque(source, opaque) or (os.path.lexists(place) and not _is_folder(place))
        if hides:
            _remove(place)
        if not place.exists():
            place.mkdir()
        if hides:
            os.setxattr(place, opaque, b"y")
        merge(source, place, opaque)
    _copy_attributes(layer, target)


def _is_opaque(folder: Path, opaque: str) -> bool:
    return opaque in os.listxattr(folder) and os.getxattr(folder, opaque) == b"y"


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()


def _copy_attributes(source: Path, place: Path) -> None:
    status = source.stat()
    os.chown(place, status.st_uid, status.st_gid)
    place.chmod(stat.S_IMODE(status.st_mode))
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))


def _remove(place: Path) -> None:
    if _is_folder(place):
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def drop_whiteouts(folder: Path, below: list[Path], opaque: str) -> None:
    """Remove the whiteouts of a merged layer that hide nothing in the layers `below`."""
    for place in list(folder.iterdir()):
        under = [layer / place.name for layer in below]
        if _is_folder(place):
            drop_whiteouts(place, [] if _is_opaque(place, opaque) else under, opaque)
        elif _is_whiteout(place) and not any(os.path.lexists(path) for path in under):
            place.unlink()


def _is_whiteout(place: Path) -> bool:
    status = place.lstat()
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def main(space: str, target: str, *layers: str) -> None:
    """Merge the layers before `--`, the uppermost first, into the new directory `target`."""
    result, opaque, end = Path(target), f"{space}.overlay.opaque", layers.index("--")
    result.mkdir(0o755)
    for layer in reversed(layers[:end]):
        merge(Path(layer), result, opaque)
    drop_whiteouts(result, [Path(layer) for layer in layers[end + 1 :]], opaque)


if __name__ == "__main__":
    main(*sys.argv[1:])
