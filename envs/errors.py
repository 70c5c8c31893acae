"""The error vocabulary of this package: a failed command is data, a failed sandbox raises."""


class SandboxError(RuntimeError):
    """The place where commands run, or what was to be recorded there, is not what it must be."""
