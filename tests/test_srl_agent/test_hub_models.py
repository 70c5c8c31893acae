"""Models of a hub that cannot be asked: one that was fetched before is taken, another is refused at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from srl_agent.testing import save_tiny

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CODE = """
from srl_agent.errors import ModelError
from srl_agent.models import load_tokenizer

print(bool(load_tokenizer("owner/name").chat_template))
try:
    load_tokenizer("owner/another")
except ModelError as error:
    print(error)
"""


def test_what_the_cache_has_is_loaded_and_what_it_lacks_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """In a process of its own: the hub's cache is chosen when its package is imported."""
    cached = tmp_path / "models--owner--name"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(COMMIT)
    save_tiny(cached / "snapshots" / COMMIT)
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=True)
    loaded, refused = done.stdout.splitlines()[-2:]
    assert loaded == "True"
    assert "model.name: 'owner/another' is no folder here, and the Hugging Face hub cannot be reached" in refused
    assert "HF_HUB_OFFLINE, or give a folder" in refused
