"""The settings described: rows from which the reference page and `filmjacket settings` are made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import ByteSize

from filmjacket.settings.group import Group
from filmjacket.settings.tree import DELIMITER, GIB, KIB, MIB, PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel

WORDS = {
    "array": "comma-separated list",
    "boolean": "true or false",
    "integer": "whole number",
    "null": "unset",
    "number": "number",
    "string": "text",
}
STRING_WORDS = {"path": "path", "password": "text (secret)"}


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as the reference page shows it."""

    name: str
    variable: str
    accepted: str
    default: str
    description: str


@cache
def describe_settings() -> tuple[SettingRow, ...]:
    """Every setting with its environment variable, accepted values, default and meaning."""
    return tuple(_rows(Settings, ()))


def effective_values(settings: Settings) -> dict[str, str]:
    """Every setting's dotted name and value as text, secrets masked."""
    values: dict[str, str] = {}
    for row in describe_settings():
        value: object = settings
        for part in row.name.split("."):
            value = getattr(value, part)
        values[row.name] = _show(value)
    return values


def variable_of(path: Iterable[str]) -> str:
    """Environment variable of the setting at a path of keys."""
    return PREFIX + DELIMITER.join(path).upper()


def _rows(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[SettingRow]:
    schema = model.model_json_schema()
    definitions = cast("dict[str, Any]", schema.get("$defs", {}))
    for name, field in model.model_fields.items():
        here = (*path, name)
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Group):
            yield from _rows(annotation, here)
            continue
        yield SettingRow(
            name=".".join(here),
            variable=variable_of(here),
            accepted=_accepted(schema["properties"][name], definitions),
            default=_show(field.default),
            description=field.description or "",
        )


def _accepted(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Words for what a JSON schema takes."""
    if "$ref" in schema:
        return _accepted(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        words = [_accepted(choice, definitions) for choice in schema["anyOf"]]
        # A size is a number or a text with a unit, the only such choice there is.
        return " or ".join(words).replace("text or whole number, at least 0", "size such as 512 MiB")
    if "enum" in schema:
        return " | ".join(schema["enum"])
    word = STRING_WORDS.get(schema.get("format", ""), WORDS[schema["type"]])
    least, most = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        return f"{word} above {schema['exclusiveMinimum']}, at most {most}"
    if most is not None:
        return f"{word} {least} to {most}"
    return word if least is None else f"{word}, at least {least}"


def _show(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, ByteSize):
        return _size(value)
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in cast("tuple[object, ...]", value))
    return str(value)


def _size(value: int) -> str:
    for unit, size in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if value and value % size == 0:
            return f"{value // size} {unit}"
    return str(value)


def reference_page() -> str:
    """The reference of all settings in Markdown."""
    lines = ["| Setting | Variable | Accepted | Default | Meaning |", "| --- | --- | --- | --- | --- |"]
    for row in describe_settings():
        accepted = row.accepted.replace("|", "\\|")
        default = f"`{row.default}`" if row.default else "unset"
        lines.append(f"| `{row.name}` | `{row.variable}` | {accepted} | {default} | {row.description} |")
    return "\n".join(lines) + "\n"
