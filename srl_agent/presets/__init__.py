"""Shipped settings, one YAML file a preset; `srl_agent.config_load` reads them by name."""
