"""The error vocabulary of the command line: one class per boundary, all caught in `srl_agent.cli.main`.

SrlError
|- ConfigError    a setting, file of settings or combination of settings
|- ModelError     a model or tokenizer that cannot be loaded or used
|  `- PromptTooLong
`- ScoreError     a reward that cannot be computed
Data that cannot be read is `trajectories.ParseError`.
"""


class SrlError(Exception):
    """Something the user can mend; the message says what was expected and what to do."""


class ConfigError(SrlError):
    """A setting that is unknown, of the wrong type, out of range, or impossible beside another."""


class ModelError(SrlError):
    """A model or tokenizer that cannot be found, loaded or trained."""


class PromptTooLong(ModelError):
    """A prompt that the model's context cannot hold, though our own count let it pass."""


class ScoreError(SrlError):
    """A reward that cannot be computed."""
