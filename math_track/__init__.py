"""The math domain: contest problems whose solutions are split into steps; not built yet."""
