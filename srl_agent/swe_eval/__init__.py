"""Scoring patches for repository issues: tasks, predictions, the official harness, and what the table says."""
