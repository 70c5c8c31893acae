"""Whether it was the hidden tests that passed: an eval script goes on where it could not put them in place.

The scripts of swebench 5.0.2 run without `set -e`. They reset the test files (`git checkout BASE FILE ...`), which does
nothing at all where the test patch adds one of the files (15 of the 500 rows of Verified), and then apply the test
patch, whole or not at all. A prediction with a file of its own in that place would be decided by its own tests.
"""

from __future__ import annotations

import re

from srl_agent.swe_eval.patch_files import named_files

_ERROR = re.compile(r"^error: (.+)$", re.MULTILINE)
_FILE = re.compile(r"^(?:--- a/|\+\+\+ b/|rename to )([^\t\n]+)", re.MULTILINE)
_NOT_RESET = "pathspec "
"""How git's word begins on a file that it cannot reset; said of each new file, whatever the prediction."""


def why_not_hidden(output: str, patch: str, test_patch: str) -> str:
    """Why tests that passed, by the script's output, may be the prediction's own; empty where they were the hidden."""
    hidden = set(_FILE.findall(test_patch))
    errors = [said for said in _ERROR.findall(output) if any(name in said for name in hidden)]
    if kept_out := [said for said in errors if not said.startswith(_NOT_RESET)]:
        return f"the hidden tests could not be put in place: {kept_out[0]}"
    changed = sorted(hidden & named_files(patch))
    if errors and changed:
        return f"changes tests that the script could not reset: {', '.join(changed)}"
    return ""
