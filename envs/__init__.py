"""Where actions are run: host-side tools over a directory, and the recorder of the demonstration set."""
