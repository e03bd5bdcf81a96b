"""Retrieve Capabilities documents: WADL, and the JSON form of it (PS3.18 8.9, Annexes G and H).

The tree of resources is built from the URI templates of the register; both forms are written from one tree of
elements, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast
from xml.etree import ElementTree as ET

import orjson

from filmjacket.conformance.declarations import Obligation
from filmjacket.conformance.parameters import ATTRIBUTE, PATH_VARIABLES
from filmjacket.conformance.register import offered, spelled
from filmjacket.conformance.representations import PROBLEMS
from filmjacket.conformance.search_attributes import keys_on, tag_path
from filmjacket.dicom.levels import Level
from filmjacket.web.media_types import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.conformance.declarations import Parameter, Resource, Selection, Transaction

NAMESPACE: Final = "http://wadl.dev.java.net/2009/02"
REPEATABLE: Final = {"doc", "param", "option", "resource", "method", "representation", "response"}
"""Elements that are arrays in the JSON form, also when there is one (Annex G)."""

_XML_TYPES = {"integer": "xs:int", "number": "xs:double", "string": "xs:string"}


@dataclass(frozen=True, slots=True)
class Element:
    """An element of WADL. The text of a `doc` is its `text`."""

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Element, ...] = ()
    text: str = ""


@dataclass(slots=True)
class _Node:
    """A path segment with what is there and below."""

    methods: list[tuple[Transaction, Resource]] = field(default_factory=list)
    below: dict[str, _Node] = field(default_factory=dict)


def describe(base_url: str, selection: Selection, template: str = "/") -> Element:
    """Capabilities of the resource with this URI template and of everything below it."""
    node, path = _tree(selection), [part for part in template.split("/") if part]
    for part in path:
        node = node.below.setdefault(part, _Node())
    if path:
        described = (_resource("/".join(map(_wadl_segment, path)), node, selection),)
        described = (_with_parameters(described[0], path[:-1]),)
    else:
        root = (_resource("/", _Node(node.methods), selection),) if node.methods else ()
        described = (*root, *_resources(node, selection))
    resources = Element("resources", (("base", base_url + "/"),), described)
    return Element("application", (), (_doc("Filmjacket", "Capabilities of this DICOMweb server."), resources))


def to_wadl(element: Element) -> bytes:
    """The document as `application/vnd.sun.wadl+xml`."""
    root = _xml(element)
    root.set("xmlns", NAMESPACE)
    root.set("xmlns:xs", "http://www.w3.org/2001/XMLSchema")
    ET.indent(root)
    return ET.tostring(root, encoding="UTF-8", xml_declaration=True)


def to_json(element: Element) -> bytes:
    """The document as `application/json` (Annex G)."""
    return orjson.dumps({element.name: _json(element)})


def _tree(selection: Selection) -> _Node:
    root = _Node()
    for transaction, resource in offered(selection):
        if resource.method == "OPTIONS":
            continue  # Annex H leaves out the method that was just used
        node = root
        for part in filter(None, resource.template.split("/")):
            node = node.below.setdefault(part, _Node())
        node.methods.append((transaction, resource))
    return root


def _resources(node: _Node, selection: Selection) -> Iterator[Element]:
    for segment, below in node.below.items():
        yield _resource(_wadl_segment(segment), below, selection, segment)


def _resource(path: str, node: _Node, selection: Selection, segment: str = "") -> Element:
    children = (
        *_path_parameters((segment,)),
        *(_method(transaction, resource, selection) for transaction, resource in node.methods),
        *_resources(node, selection),
    )
    return Element("resource", (("path", path),), children)


def _with_parameters(resource: Element, segments: list[str]) -> Element:
    """A resource whose path holds several variables declares each of them."""
    own = [part[1:-1] for part in resource.attributes[0][1].split("/")[-1:] if part.startswith("{")]
    last = tuple(_template_parameter(row.name) for row in PATH_VARIABLES.values() if row.wadl in own)
    return Element(resource.name, resource.attributes, (*_path_parameters(tuple(segments)), *last, *resource.children))


def _path_parameters(segments: tuple[str, ...]) -> Iterator[Element]:
    for segment in segments:
        if segment.startswith("{"):
            yield _template_parameter(segment[1:-1])


def _template_parameter(name: str) -> Element:
    row = PATH_VARIABLES[name]
    return Element(
        "param",
        (("name", row.wadl), ("style", "template"), ("required", "true"), ("type", "xs:string")),
        (_doc(row.text, row.text),),
    )


def _wadl_segment(segment: str) -> str:
    return f"{{{PATH_VARIABLES[segment[1:-1]].wadl}}}" if segment.startswith("{") else segment


def _method(transaction: Transaction, resource: Resource, selection: Selection) -> Element:
    text = f"{resource.summary}. PS3.18 {transaction.section}."
    if resource.obligation is not Obligation.MANDATORY:
        text += f" {resource.obligation.words.capitalize()}."
    request = (
        *(_accept(resource) if resource.offers else ()),
        *(_header(row.name) for row in transaction.request_headers if row.name != "Accept"),
        *(element for row in resource.parameters for element in _parameters(row, resource)),
        *(Element("representation", (("mediaType", row.media_type),)) for row in transaction.payloads),
    )
    return Element(
        "method",
        (("name", resource.method), ("id", _identifier(resource.name))),
        (_doc(transaction.name, text), Element("request", (), request), *_responses(transaction, resource, selection)),
    )


def _identifier(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _accept(resource: Resource) -> tuple[Element, ...]:
    options = tuple(Element("option", (("value", spelled(offer)),)) for offer in resource.offers)
    default = spelled(resource.offers[0])
    return (
        Element(
            "param",
            (("name", "Accept"), ("style", "header"), ("type", "xs:string"), ("default", default)),
            options,
        ),
    )


def _header(name: str) -> Element:
    return Element("param", (("name", name), ("style", "header"), ("type", "xs:string")))


def _parameters(row: Parameter, resource: Resource) -> Iterator[Element]:
    if row is not ATTRIBUTE:
        yield _query(row.name, row)
        return
    for name in keys_of(resource):
        yield _query(name, row)
        yield _query(tag_path(name), row)


def keys_of(resource: Resource) -> tuple[str, ...]:
    """Attributes that a search resource must match."""
    return resource.keys or keys_on(level_of(resource))


def level_of(resource: Resource) -> Level:
    """Level of what a search resource finds: the last word of its template."""
    studies = dict.fromkeys(("studies", "changes", "stream"), Level.STUDY)
    return {**studies, "series": Level.SERIES}.get(resource.template.rpartition("/")[2], Level.INSTANCE)


def _query(name: str, row: Parameter) -> Element:
    kind = _XML_TYPES[str(row.schema["type"])]
    attributes = [("name", name), ("style", "query"), ("type", kind)]
    if row.repeatable:
        attributes.append(("repeating", "true"))
    values = cast("list[str]", row.schema.get("enum", []))
    options = tuple(Element("option", (("value", value),)) for value in values)
    return Element("param", tuple(attributes), options)


def _responses(transaction: Transaction, resource: Resource, selection: Selection) -> Iterator[Element]:
    """One response for each status: those with the resource itself, those without payload, refusals."""
    for row in transaction.statuses_of(resource, selection.edition):
        types = _types(row.code, resource)
        representations = tuple(Element("representation", (("mediaType", media_type),)) for media_type in types)
        children = (_doc(str(row.code), row.condition), *representations)
        yield Element("response", (("status", str(row.code)),), children)


def _types(code: int, resource: Resource) -> tuple[str, ...]:
    if code in {204, 304}:
        return ()
    # Which transfer syntaxes there are, the options of Accept say.
    success = tuple(dict.fromkeys(written(offer.media_type, multipart=offer.multipart) for offer in resource.offers))
    if resource.method == "POST" and code in {400, 409}:
        return (*success, *PROBLEMS)
    return success if code < 300 else PROBLEMS


def _doc(title: str, text: str) -> Element:
    return Element("doc", (("xml:lang", "en"), ("title", title)), text=text)


def _xml(element: Element) -> ET.Element:
    made = ET.Element(element.name, dict(element.attributes))
    made.text = element.text or None
    made.extend(map(_xml, element.children))
    return made


def _json(element: Element) -> dict[str, object]:
    members: dict[str, object] = {f"@{name}": value for name, value in element.attributes}
    if element.text:
        members["value"] = element.text
    for child in element.children:
        if child.name in REPEATABLE:
            listed = members.setdefault(child.name, [])
            if isinstance(listed, list):
                listed.append(_json(child))  # pyright: ignore[reportUnknownMemberType] - our own list
        else:
            members[child.name] = _json(child)
    return members
