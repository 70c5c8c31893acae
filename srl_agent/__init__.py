"""Train software-engineering agents step by step from expert trajectories; the command line is `srl_agent.cli`."""

__version__ = "0.1.0"
