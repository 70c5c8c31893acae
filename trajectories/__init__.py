"""Expert trajectories: episodes, the formats they come in, and the training steps they become.

records  Episode, Turn, Action, StepExample, Message    render  Action <-> canonical text
formats  files in any known format -> Episodes          report  what reading lost, and why
steps    Episodes -> StepExamples, held-out split       store   both as JSONL
stats    figures of a data set                          errors  ParseError, the one error
demo     the bundled demonstration episodes              context, fields, codec: what these are built on
sources  names -> files, folders, pipes, data sets; rows, streams, tables, hub, json_text: what is in them
Left out: running anything (package `envs`) and training (package `srl_agent`).
"""

from trajectories.context import Context, parse_context
from trajectories.errors import ParseError
from trajectories.formats import FORMATS, find_reader, iter_episodes, read_episodes
from trajectories.records import EPISODE_SCHEMA, Action, Episode, Message, StepExample, Turn
from trajectories.render import body_text, parse_action, render_action, scan_action
from trajectories.report import Drop, LossReport, Tally, Where
from trajectories.stats import EpisodeStats, Spread, episode_stats, stats_by_format
from trajectories.steps import StepsResult, make_steps, split_held_out
from trajectories.store import read_steps, write_episodes, write_steps

__all__ = [
    "EPISODE_SCHEMA",
    "FORMATS",
    "Action",
    "Context",
    "Drop",
    "Episode",
    "EpisodeStats",
    "LossReport",
    "Message",
    "ParseError",
    "Spread",
    "StepExample",
    "StepsResult",
    "Tally",
    "Turn",
    "Where",
    "body_text",
    "episode_stats",
    "find_reader",
    "iter_episodes",
    "make_steps",
    "parse_action",
    "parse_context",
    "read_episodes",
    "read_steps",
    "render_action",
    "scan_action",
    "split_held_out",
    "stats_by_format",
    "write_episodes",
    "write_steps",
]
