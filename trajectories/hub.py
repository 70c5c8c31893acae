"""Rows of a Hugging Face data set named `owner/name:split` or `owner/name@config:split`, streamed by `datasets`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trajectories.errors import ParseError
from trajectories.report import Where
from trajectories.rows import Rows
from trajectories.streams import folder_digest
from trajectories.tables import plain

_NAME = re.compile(r"(?P<id>.+?)(?:@(?P<config>[\w.-]+))?:(?P<split>\w+(?:\.\w+)*)")
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+", re.ASCII)
_TIMEOUT = 10.0
"""Seconds to wait for the hub's first answer."""
_PACKAGES = "reading a Hugging Face data set needs the packages datasets and huggingface_hub (pip install datasets)"


@dataclass(frozen=True)
class HubSource:
    """One split of a data set of the hub, or of a folder that `datasets.load_dataset` accepts."""

    name: str
    id: str
    """`owner/name`, or the folder."""
    config: str | None
    split: str
    revision: str | None
    """The commit that is read, None for a folder."""

    def rows(self) -> Rows:
        """The rows, from 1; ParseError where the hub, the configuration or the split cannot be read."""
        number = 0
        for number, row in enumerate(self._stream(), start=1):
            yield Where(self.name, number), plain(row)
        if not number:
            raise ParseError(f"{self.name}: the split has no rows")

    def digest(self) -> str:
        """The name with the commit, or the split with the SHA-256 of the folder's files."""
        if self.revision is not None:
            return f"{self.name} {self.revision}"
        return f"{self.config}:{self.split} {folder_digest(Path(self.id))}"

    def _stream(self) -> Iterator[dict[str, Any]]:
        try:
            import datasets
            import httpx
        except ImportError as error:
            raise ParseError(f"{self.name}: {_PACKAGES}") from error
        try:
            yield from datasets.load_dataset(
                self.id, self.config, split=self.split, revision=self.revision, streaming=True
            )
        except (OSError, ValueError, httpx.HTTPError, datasets.exceptions.DatasetsError) as error:
            raise ParseError(f"{self.name}: `datasets` cannot read it: {_first_line(error)}") from error


def find_hub_source(name: str) -> HubSource | None:
    """The data set of that name, None where it is no such name.

    ParseError where the hub cannot be reached or has no such data set. It is asked here as `datasets` itself tries for
    half a minute before it gives up.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    before = name.rpartition(":")[0]
    if Path(before).is_dir():  # a folder may have an @ in its name
        return HubSource(name, before, None, found["split"], None)
    if Path(found["id"]).is_dir():
        return HubSource(name, found["id"], found["config"], found["split"], None)
    if not _HUB_ID.fullmatch(found["id"]):
        return None
    return HubSource(name, found["id"], found["config"], found["split"], _revision(name, found["id"]))


def _revision(name: str, id: str) -> str:
    try:
        import httpx
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
    except ImportError as error:
        raise ParseError(f"{name}: no such file or folder, and {_PACKAGES}") from error
    try:
        return str(HfApi().dataset_info(id, timeout=_TIMEOUT).sha)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ParseError(
            f"{name}: no such file or folder, and the Hugging Face hub has no data set '{id}' that you may read; "
            "check the name, or log in with `hf auth login` where it is private or gated"
        ) from error
    except (OSError, httpx.HTTPError) as error:
        raise ParseError(
            f"{name}: no such file or folder, and the Hugging Face hub cannot be asked for a data set of that name "
            f"({_first_line(error)}); check the network, HF_ENDPOINT and HF_HUB_OFFLINE, or fetch it elsewhere with "
            f"`hf download --repo-type dataset {id} --local-dir DIR` and give DIR"
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
