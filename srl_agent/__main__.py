"""`python -m srl_agent` is the command `srl-agent`."""

import sys

from srl_agent.cli import main

sys.exit(main())
