"""Sandboxes: their contract and backends, images, tools over them, replay, states, pools, and what they leave."""
