"""The content tree of an SR document (PS3.3 C.17.3) read out of its attributes, whatever they hold.

Nothing here fails: what is missing or wrong becomes an item that says so. Nesting, number of items and number of
values are bounded, and items by reference are never followed, so that no document makes work without end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_items, get_text, get_values
from filmjacket.reports.codes import Code, get_code
from filmjacket.reports.content_values import Value, read_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.dicom.attributes import Attributes

MAX_LEVELS: Final = 48
"""Containers within containers that are shown; reports of real devices have up to 12."""
MAX_ITEMS: Final = 200_000
"""Content items that are shown; the radiation dose report of a long intervention has some 20,000."""

CONTENT: Final = "0040A730"
_RELATIONSHIP: Final = "0040A010"
_VALUE_TYPE: Final = "0040A040"
_NAME: Final = "0040A043"
_REFERENCED_ITEM: Final = "0040DB73"


@dataclass(frozen=True, slots=True)
class ContentItem:
    """A node of the tree. `number` is its place (PS3.3 C.17.3.2.5): (1,) is the root, (1, 2) its second item.

    One that is `by_reference` stands for the item of that number. `cut` says that items below are not shown.
    """

    number: tuple[int, ...]
    relationship: str
    value_type: str
    name: Code | None
    value: Value
    children: tuple[ContentItem, ...] = ()
    by_reference: tuple[int, ...] = ()
    continuous: bool = False
    template: str = ""
    observed: str = ""
    observation_uid: str = ""
    cut: bool = False

    @property
    def label(self) -> str:
        """What a person reads of the concept name."""
        return self.name.text if self.name else ""

    def of(self, *relationships: str) -> tuple[ContentItem, ...]:
        """The children that have one of these relationships."""
        return tuple(child for child in self.children if child.relationship in relationships)

    def walk(self) -> Iterator[ContentItem]:
        """Every item from this one down, parents first."""
        stack: list[ContentItem] = [self]
        while stack:
            item = stack.pop()
            yield item
            stack.extend(reversed(item.children))


@dataclass(slots=True)
class _Budget:
    items: int
    bulk: Callable[[str], bytes]


def read_content_tree(attributes: Attributes, bulk: Callable[[str], bytes]) -> ContentItem:
    """The tree of a document; its root is the data set itself. `bulk` reads values that metadata leave out."""
    return _read(attributes, (1,), _Budget(MAX_ITEMS, bulk))


def _read(attributes: Attributes, number: tuple[int, ...], budget: _Budget) -> ContentItem:
    budget.items -= 1
    items = get_items(attributes, CONTENT)
    # Recursion is bounded by MAX_LEVELS.
    room = len(number) <= MAX_LEVELS
    children: list[ContentItem] = []
    for ordinal, item in enumerate(items if room else (), 1):
        if budget.items <= 0:
            break
        children.append(_read(item, (*number, ordinal), budget))
    by_reference = tuple(value for value in get_values(attributes, _REFERENCED_ITEM) if isinstance(value, int))
    value_type = (get_text(attributes, _VALUE_TYPE) or "").strip().upper()
    return ContentItem(
        number=number,
        relationship=(get_text(attributes, _RELATIONSHIP) or "").strip().upper(),
        value_type=value_type or ("CONTAINER" if items else ""),
        name=get_code(attributes, _NAME),
        value=None if by_reference else read_value(attributes, value_type, budget.bulk),
        children=tuple(children),
        by_reference=by_reference,
        continuous=get_text(attributes, "0040A050") == "CONTINUOUS",
        template=_template(attributes),
        # The root's moment is the content date of the document.
        observed=(get_text(attributes, "0040A032") or "") if len(number) > 1 else "",
        observation_uid=get_text(attributes, "0040A171") or "",
        cut=len(children) < len(items),
    )


def _template(attributes: Attributes) -> str:
    templates = get_items(attributes, "0040A504")
    return (get_text(templates[0], "0040DB00") or "") if templates else ""
