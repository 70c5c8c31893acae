"""What each command of the command line does; `srl_agent.cli` finds them by name and imports them late."""
