"""Names of the files in a ZIP archive, from a template such as `{study}/{series}/{instance}.dcm`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

UID_FIELDS: Final = ("study", "series", "instance")
NUMBER_FIELDS: Final = ("series_number", "instance_number")
MAX_NAME: Final = 400
"""Longest name, with UIDs of the greatest length."""

_TOKEN: Final = re.compile(r"\{(\w+)(?::0([1-9]))?\}|([A-Za-z0-9._/ -]+)|(.)", re.ASCII | re.DOTALL)
_STEM: Final = re.compile(r"(.*?)(\.[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*)?", re.ASCII | re.DOTALL)
_LONGEST_UID: Final = "1" * 64


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What a name is made of; a number is None when the instance has none."""

    study: str
    series: str
    instance: str
    series_number: int | None = None
    instance_number: int | None = None


@dataclass(frozen=True, slots=True)
class NameTemplate:
    """A template in pieces: texts as they are, fields as (name, digits)."""

    pieces: tuple[str | tuple[str, int], ...]

    @classmethod
    @lru_cache(maxsize=8)
    def parse(cls, text: str) -> NameTemplate:
        """Read a template. Raises `ValueError` for one that could make unsafe names."""
        pieces: list[str | tuple[str, int]] = []
        for field, digits, literal, other in _TOKEN.findall(text):
            if other:
                raise ValueError("expected letters, digits, . _ - / or blanks, and fields in braces")
            if literal:
                pieces.append(literal)
            elif field in NUMBER_FIELDS or (field in UID_FIELDS and not digits):
                pieces.append((field, int(digits or 0)))
            else:
                raise ValueError(
                    f"fields are {', '.join(UID_FIELDS + NUMBER_FIELDS)}; numbers may have digits, {{x:04}}"
                )
        template = cls(tuple(pieces))
        if not any(isinstance(piece, tuple) and piece[0].startswith("instance") for piece in pieces):
            raise ValueError("expected {instance} or {instance_number}, or all files would have one name")
        _check_path(template.name(FileIdentity(_LONGEST_UID, _LONGEST_UID, _LONGEST_UID, 10**12, 10**12)))
        return template

    @property
    def needs_numbers(self) -> bool:
        """Whether Series Number or Instance Number occurs."""
        return any(isinstance(piece, tuple) and piece[0] in NUMBER_FIELDS for piece in self.pieces)

    def name(self, identity: FileIdentity) -> str:
        """The name of one file; a number that is missing is `unknown`."""
        return "".join(piece if isinstance(piece, str) else _written(identity, *piece) for piece in self.pieces)

    def names(self, identities: Iterable[FileIdentity]) -> Iterator[str]:
        """Names of all the files of an archive; one that came before gets `-2`, `-3` and so on before its suffix."""
        if ("instance", 0) in self.pieces:  # a UID that no two instances share
            yield from map(self.name, identities)
            return
        taken: dict[str, int] = {}
        for identity in identities:
            name = wanted = self.name(identity)
            while name in taken:
                taken[wanted] += 1
                name = _numbered(wanted, taken[wanted])
            taken[name] = 1
            yield name


def _written(identity: FileIdentity, field: str, digits: int) -> str:
    value: str | int | None = getattr(identity, field)
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    return f"{value:0{digits}d}" if value >= 0 else f"minus{-value:0{digits}d}"


def _numbered(name: str, number: int) -> str:
    folder, slash, base = name.rpartition("/")
    found = _STEM.fullmatch(base)
    stem, suffix = (found[1], found[2] or "") if found else (base, "")
    return f"{folder}{slash}{stem}-{number}{suffix}"


def _check_path(path: str) -> None:
    """Nothing may point outside of the folder that an archive is unpacked in, or be no name on some system."""
    if len(path) > MAX_NAME:
        raise ValueError(f"names could be longer than {MAX_NAME} characters")
    for part in path.split("/"):
        if not part or part != part.strip(" ") or part.endswith(".") or part.startswith("-"):
            raise ValueError("each part of the path needs a name that does not begin with - or end with a dot or blank")
