"""Typed access to fields of parsed JSON, with errors that name the field, what was expected and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trajectories.errors import ParseError

Row = Mapping[str, Any]
"""One parsed JSON object."""

_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


def kind_of(value: object) -> str:
    """The JSON name of a value's type, for messages."""
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)


def wrong(field: str, expected: str, value: object) -> ParseError:
    """The error for a field of another type than expected."""
    return ParseError(f"{field}: expected {expected}, found {kind_of(value)}")


def get_object(row: Row, key: str, path: str = "") -> Row:
    """The object under `key`."""
    value = _required(row, key, path)
    if not isinstance(value, dict):
        raise wrong(path + key, "an object", value)
    return value


def get_list(row: Row, key: str, path: str = "") -> list[Any]:
    """The list under `key`."""
    value = _required(row, key, path)
    if not isinstance(value, list):
        raise wrong(path + key, "a list", value)
    return value


def get_text(row: Row, key: str, path: str = "") -> str:
    """The text under `key`."""
    value = _required(row, key, path)
    if not isinstance(value, str):
        raise wrong(path + key, "text", value)
    return value


def get_name(row: Row, key: str, path: str = "") -> str:
    """The text under `key`, which may not be blank."""
    value = get_text(row, key, path)
    if not value.strip():
        raise ParseError(f"{path}{key}: expected text, found only blanks")
    return value


def get_int(row: Row, key: str, path: str = "") -> int:
    """The whole number under `key`."""
    value = _required(row, key, path)
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(path + key, "a whole number", value)
    return value


def get_flag(row: Row, key: str, path: str = "") -> bool | None:
    """True, false, or None where the field is null or absent; 1 and 0 are true and false, as tables write them."""
    value = row.get(key)
    if value is None or isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    raise wrong(path + key, "true, false or null", value)


def optional_text(row: Row, key: str, path: str = "") -> str:
    """The text under `key`, empty where the field is null or absent."""
    return "" if row.get(key) is None else get_text(row, key, path)


def _required(row: Row, key: str, path: str) -> Any:
    if key not in row:
        raise ParseError(f"{path}{key}: missing; the keys are {describe_keys(row)}")
    return row[key]


def describe_keys(row: Row, most: int = 12) -> str:
    """The keys of a row for a message, shortened."""
    keys = [repr(key[:40]) for key in list(row)[:most]]
    return (", ".join(keys) or "none") + (f" and {len(row) - most} more" if len(row) > most else "")
