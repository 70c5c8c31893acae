"""The options of the domain's commands; see `srl_agent.domains.Command`."""
