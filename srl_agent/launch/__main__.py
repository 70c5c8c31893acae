"""`python -m srl_agent.launch NAME`: the file for `accelerate launch --config_file`; without a name, the names."""

from __future__ import annotations

import sys

from srl_agent.errors import ConfigError
from srl_agent.launch import launch_file, launch_names

if __name__ == "__main__":
    try:
        print("\n".join(map(str, map(launch_file, sys.argv[1:]))) or "\n".join(launch_names()))
    except ConfigError as error:
        sys.exit(f"srl-agent: error: {error}")
