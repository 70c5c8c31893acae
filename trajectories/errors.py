"""The one error of this package: text or a file that is not what it should be."""


class ParseError(ValueError):
    """Input that cannot be read; the message names the file, line or field, what was expected and what to do."""
