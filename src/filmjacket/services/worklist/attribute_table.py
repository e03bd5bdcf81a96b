"""The attributes of workitems and what may be done with each (PS3.4 Table CC.2.5-3), as data.

The rows are in `attribute_table.tsv`. What is in no row belongs to "all other attributes" of a module: optional in
every operation, and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import dictionary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOT_ALLOWED: Final = "NA"


@dataclass(frozen=True, slots=True)
class Usage:
    """What requester (`scu`) and server (`scp`) owe an attribute in one operation: a type, `-` for nothing."""

    scu: str
    scp: str

    @property
    def allowed(self) -> bool:
        """Whether a requester may send the attribute."""
        return self.scu != NOT_ALLOWED


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table, with those of the attributes in its items.

    `final` says for which final state a value is needed: `R` both, `RC` both on a condition, `P` COMPLETED, `X`
    CANCELED, `O` none. `match` is `R` a required key, `U` the unique key, `O` an optional one, `-` none; `returned` the
    type of the return key. `macro` is the one that the items include.
    """

    tag: str
    create: Usage
    set: Usage
    final: str
    get: Usage
    match: str
    returned: str
    macro: str
    name: str
    items: tuple[Row, ...] = ()

    @property
    def vr(self) -> str:
        """The Value Representation of PS3.6."""
        return dictionary.vr_of(self.tag) or "UN"

    @property
    def created_empty(self) -> bool:
        """Whether a sequence of a new workitem has no items: what they would say is not known yet."""
        return bool(self.items) and not any(row.create.allowed for row in self.items)


@cache
def rows() -> tuple[Row, ...]:
    """Return the rows of the data set itself, each with those of its items."""
    text = files("filmjacket.services.worklist").joinpath("attribute_table.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return tuple(_level([(cells[0].count(">"), cells[1:]) for cells in lines], 0))


@cache
def rows_by_tag() -> Mapping[str, Row]:
    """Return the rows of the data set itself by their tags."""
    return {row.tag: row for row in rows()}


def required_keys() -> tuple[tuple[str, ...], ...]:
    """Return the paths of tags that a search must match: the values in the items where a sequence is the key."""
    return tuple(_keys(rows(), ()))


def _keys(level: tuple[Row, ...], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for row in level:
        path = (*above, row.tag)
        macro = MACROS.get(row.macro, _NO_MACRO)
        if row.match in {"R", "U"}:
            yield from ((*path, tag) for tag in macro.keys)
            if row.vr != "SQ":
                yield path
        yield from _keys(row.items, path)


def _level(lines: list[tuple[int, list[str]]], depth: int) -> Iterator[Row]:
    """Make the rows of one depth; the deeper lines that follow one are its items."""
    starts = [number for number, (at, _) in enumerate(lines) if at == depth]
    for start, end in pairwise([*starts, len(lines)]):
        tag, create, set_, final, get, match, returned, macro, name = lines[start][1]
        items = tuple(_level(lines[start + 1 : end], depth + 1))
        yield Row(
            tag,
            _usage(create),
            _usage(set_),
            final,
            _usage(get),
            match,
            returned,
            macro.strip("."),
            name,
            items,
        )


def _usage(text: str) -> Usage:
    """`1/2` is for requester and server; a word alone is a rule of its own (`NA`, `server`, `lock`)."""
    scu, _, scp = text.partition("/")
    return Usage(scu, scp or scu)


@dataclass(frozen=True, slots=True)
class Macro:
    """What every item of a sequence with the macro needs.

    `required` values, one at least of `one_of`, or with `only_one` exactly one, and of `needed_with` each first one
    when there is one of those beside it. `keys` are those that a search must match.
    """

    required: tuple[str, ...]
    one_of: tuple[str, ...] = ()
    only_one: bool = False
    needed_with: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keys: tuple[str, ...] = ()


_NO_MACRO: Final = Macro(())
MACROS: Final[Mapping[str, Macro]] = {
    # PS3.3 Table 8.8-1: Code Meaning; Code Value, Long Code Value or URN Code Value; the designator with the first two.
    "a": Macro(
        ("00080104",),
        ("00080100", "00080119", "00080120"),
        only_one=True,
        needed_with=(("00080102", ("00080100", "00080119")),),
        keys=("00080100", "00080102"),
    ),
    # PS3.3 Table 10-2: Value Type, Concept Name Code Sequence.
    "b": Macro(("0040A040", "0040A043")),
    # PS3.3 Table 10-3b: Type of Instances, Referenced SOP Sequence; one way to get at them.
    "c": Macro(("0040E020", "00081199"), ("0040E021", "0040E022", "0040E023", "0040E024", "0040E025")),
    # PS3.3 Table 10-17: Local Namespace Entity ID or Universal Entity ID.
    "d": Macro((), ("00400031", "00400032"), keys=("00400031", "00400032", "00400033")),
    # PS3.3 Table 10-11: Referenced SOP Class UID and Referenced SOP Instance UID.
    "f": Macro(("00081150", "00081155")),
    # PS3.3 Table 10-27: DICOM, STOW-RS or XDS storage.
    "g": Macro((), ("00404071", "00404072", "00404074")),
}
"""The macros of the table by the letters that its rows name them with (PS3.4 Tables CC.2.5-2a to CC.2.5-2g)."""
