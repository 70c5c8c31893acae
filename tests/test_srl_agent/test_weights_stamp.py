"""What tells a model's weights from others under the same name: the files of a folder, the commit of a hub's model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from srl_agent.models import weights_stamp
from srl_agent.testing import save_tiny

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_folder_that_is_written_anew_has_another_stamp(tmp_path: Path) -> None:
    first = weights_stamp(str(save_tiny(tmp_path)))
    assert first == weights_stamp(str(tmp_path)) != weights_stamp(str(save_tiny(tmp_path)))


def test_a_model_of_the_hub_has_its_commit(tmp_path: Path) -> None:
    """In a process of its own: the hub's cache is chosen when its package is imported."""
    cached = tmp_path / "models--owner--name"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(COMMIT)
    save_tiny(cached / "snapshots" / COMMIT)
    code = "from srl_agent.models import weights_stamp; print(weights_stamp('owner/name'))"
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split()[-1] == COMMIT
