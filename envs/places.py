"""How the sandbox of an episode is made: from which image, where its repository stands, with which variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from envs.base import Backend, Sandbox, Spec
from envs.demo.place import demo_spec, placer
from envs.errors import SandboxError
from envs.images import is_here, task_image, task_set
from trajectories.records import Episode

Prepare = Callable[[Sandbox], None]
"""Puts the repository in place where the image has none."""

REPRODUCIBLE: Mapping[str, str] = MappingProxyType(
    {
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        # A .pyc written within the same second as an edit would show the code from before it.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
)
"""Variables without which the same actions show other results from one time to the next."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where episodes are carried out."""

    name: str
    """Of the backend."""
    backend: Backend
    bundled: bool = False
    """The episodes are of the bundled demonstration set, whose repositories are written into any base image."""
    image: str | None = None
    """Of every episode, and empty for the host's own system (bubblewrap, local). None for the bundled set's usual one,
    else after the naming of the episode's data set."""
    timeout: float = 60.0
    """Seconds for each action."""
    root: str = "/testbed"
    """Where the repository is."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of every command, over `REPRODUCIBLE`."""

    def of(self, episode: Episode) -> tuple[Spec, Prepare | None]:
        """What the episode's sandbox is made from, and what puts its repository into it.

        SandboxError where its image cannot be told, or the bundled set has no such task.
        """
        if self.bundled:
            spec = demo_spec(self.name, self.image or "")
            variables = {**REPRODUCIBLE, **spec.environment, **self.environment}
            return replace(spec, workdir=self.root, environment=variables), placer(episode.instance_id, self.root)
        return Spec(self._image(episode), self.root, {**REPRODUCIBLE, **self.environment}), None

    def _image(self, episode: Episode) -> str:
        if self.image is not None:
            return self.image
        if self.name != "docker":
            raise SandboxError(
                f"{self.name} has no images by name; give a root directory (--image DIR), or an empty image for the "
                "host's own system (--image '')"
            )
        image = task_image({"instance_id": episode.instance_id}, task_set(episode.source))
        if "__" not in episode.instance_id and not is_here(image):
            # No command is named that could only fail: nobody publishes an image for an id without a repository.
            raise SandboxError(
                f"no image is known for '{episode.instance_id}', which is no id as owner__name-123; "
                "give its image (--image NAME)"
            )
        return image
