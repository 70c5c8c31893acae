"""What the domain adds to the command line, a module a command; `options` has their options, free of heavy imports."""
