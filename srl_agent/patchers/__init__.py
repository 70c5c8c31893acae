"""Ways to produce a patch for an issue, each by name and in a module of its own."""
