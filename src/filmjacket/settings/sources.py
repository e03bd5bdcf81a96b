"""Where settings come from, and how they travel to worker processes."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource

from filmjacket.errors import FilmjacketError
from filmjacket.settings.reference import describe_settings, variable_of
from filmjacket.settings.tree import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

CONFIG_VARIABLE = "FILMJACKET_CONFIG"
CONFIG_FILE = "filmjacket.toml"

SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")
"""Container platforms set FILMJACKET_PORT=tcp://10.0.0.1:8104 for a service that is called "filmjacket"."""


class SettingsError(FilmjacketError):
    """Settings that cannot be used; the message has one line for each key at fault."""

    reason_code = "bad-settings"


def load_settings(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the TOML file, the environment and `overrides` (nested like the tree), checked.

    The file is `config`, else the one named by FILMJACKET_CONFIG (empty: none), else `filmjacket.toml` in the
    working directory if there is one.
    """
    merged: dict[str, Any] = {}
    for source in (_read_toml(config), _read_environment(), overrides or {}):
        _merge(merged, source)
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise SettingsError("\n".join(map(_explain, error.errors()))) from None


def to_environment(settings: Settings) -> dict[str, str]:
    """Environment variables from which `load_settings` makes the same settings, whatever files there are."""
    chosen = settings.model_dump(exclude_defaults=True)
    chosen["data"] = settings.data.absolute()
    return {CONFIG_VARIABLE: ""} | dict(_flatten(chosen))


def export_environment(settings: Settings) -> None:
    """Hand the settings down to worker processes, in place of the variables that this process was given."""
    for row in describe_settings():
        os.environ.pop(row.variable, None)
    os.environ.update(to_environment(settings))


def unknown_variables(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """FILMJACKET_ variables that no setting reads but that look like one, with the name they resemble."""
    known = {row.variable for row in describe_settings()} | {CONFIG_VARIABLE}
    found: list[tuple[str, str]] = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            found += ((name, near) for near in difflib.get_close_matches(name, known, n=1, cutoff=0.75))
    return found


def _read_toml(config: Path | None) -> dict[str, Any]:
    path = config
    if path is None:
        named = os.environ.get(CONFIG_VARIABLE)
        path = Path(CONFIG_FILE if named is None else named)
        if named == "" or (named is None and not path.is_file()):
            return {}
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: the settings file cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}.") from None


def _read_environment() -> dict[str, Any]:
    values = EnvSettingsSource(Settings)()
    return {name: value for name, value in values.items() if not (isinstance(value, str) and SERVICE_LINK.match(value))}


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for name, value in source.items():
        present = target.get(name)
        if isinstance(value, dict):
            target[name] = dict(cast("dict[str, Any]", present)) if isinstance(present, dict) else {}
            _merge(target[name], cast("dict[str, Any]", value))
        else:
            target[name] = value


def _flatten(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        here = (*path, name)
        if isinstance(value, dict):
            yield from _flatten(cast("dict[str, Any]", value), here)
        elif value is not None:
            yield variable_of(here), _environment_text(value)


def _environment_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(map(str, cast("tuple[object, ...]", value)))
    return str(value)


def _explain(error: ErrorDetails) -> str:
    """One line for one wrong setting: its key in both spellings, what is wrong, what is accepted."""
    rows = {row.name: row for row in describe_settings()}
    path = [str(part) for part in error["loc"]]
    prefixes = [".".join(path[:length]) for length in (2, 1)]
    name = next((prefix for prefix in prefixes if prefix in rows), ".".join(path))
    if name in rows:
        row = rows[name]
        message = error["msg"].removeprefix("Value error, ")
        return f"{name} ({row.variable}): {message}. Accepted: {row.accepted}. {row.description}"
    if any(known.startswith(f"{name}.") for known in rows):
        return f"{name}: expected a table of settings, see `filmjacket settings`."
    near = difflib.get_close_matches(name, rows, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "see `filmjacket settings`."
    return f"{name}: no such setting; {hint}"
