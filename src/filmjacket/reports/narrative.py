"""CDA documents (HL7 CDA R2) as a `Report`: header facts and the narrative blocks, which are what people attest to.

Only the narrative is read (CDA R2 4.3.5): machine entries behind it say the same in codes. Nothing of the document's
markup reaches the page: elements are turned into blocks, everything else is text. No entities, no style sheets, no
scripts, no addresses of the document's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from filmjacket.errors import DicomError
from filmjacket.reports.blocks import Block, Bullets, FactGroup, Prose, Report, Run, Section, Table, Text, plain
from filmjacket.reports.readable import date_time_text

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH: Final = 100
MAX_NODES: Final = 500_000
"""Elements of a document; the text of a long hospital stay has some 20,000."""

_BLOCKS: Final = frozenset({"table", "list", "paragraph"})
_ROWS: Final = frozenset({"tr"})


@dataclass(slots=True)
class Node:
    """An element: its children are elements and texts in document order."""

    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list["Node | str"])

    def elements(self, *names: str) -> Iterator[Node]:
        """The child elements of these names."""
        return (child for child in self.children if isinstance(child, Node) and child.name in names)

    def find(self, *path: str) -> Node | None:
        """The first element at a path."""
        node: Node | None = self
        for name in path:
            node = next(node.elements(name), None) if node else None
        return node

    def text(self) -> str:
        """All text inside, white space put together."""
        return " ".join("".join(self.texts()).split())

    def texts(self) -> Iterator[str]:
        """All text inside, in pieces."""
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child.texts()


def read_xml(document: bytes) -> Node:
    """The elements of an XML document; `DicomError` if it is none, has a document type, or is too deep or too large."""
    root = Node("", {})
    stack = [root]
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(stack) > MAX_DEPTH or count > MAX_NODES:
            raise _unreadable("it is nested too deeply or has too many elements")
        node = Node(name.rpartition(" ")[2], {key.rpartition(" ")[2]: value for key, value in attributes.items()})
        stack[-1].children.append(node)
        stack.append(node)

    def end(_name: str) -> None:
        stack.pop()

    def text(characters: str) -> None:
        stack[-1].children.append(characters)

    def doctype(*_: object) -> None:
        raise _unreadable("it has a document type declaration")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(document.rstrip(b"\0"), True)  # noqa: FBT003 - the signature of expat
    except (expat.ExpatError, LookupError, ValueError):
        raise _unreadable("it is not well-formed XML") from None
    return next(root.elements(*(child.name for child in root.children if isinstance(child, Node))))


def clinical_document(document: bytes, title: str) -> Report:
    """The report that a CDA document makes; `title` stands in for one that it lacks."""
    root = read_xml(document)
    name = root.find("title")
    body = root.find("component", "structuredBody")
    blocks: tuple[Block, ...] = ()
    banner: tuple[str, ...] = ()
    if body is not None:
        blocks = tuple(_sections(body))
    else:
        banner = ("The body of this document is not structured text; it can only be had as it is stored, as text/xml.",)
    code = root.find("languageCode")
    language = code.attributes.get("code", "") if code else ""
    return Report(
        title=plain((name.text() if name else "") or title or "Clinical document"),
        kind="Clinical document (CDA)",
        groups=tuple(group for group in _groups(root) if group.facts),
        blocks=blocks,
        banner=banner,
        language=language if language.replace("-", "").isalnum() and language.isascii() else "",
    )


def _unreadable(why: str) -> DicomError:
    return DicomError(
        f"The encapsulated CDA document cannot be shown: {why}. It can be had as it is stored.",
        section="PS3.3 A.45.2",
        offender="Encapsulated Document (0042,0011)",
        accepted=("text/xml",),
    )


def _groups(root: Node) -> Iterator[FactGroup]:
    role = root.find("recordTarget", "patientRole")
    if role is not None:
        facts = [("Name", _name(role.find("patient", "name"))), ("ID", _attribute(role.find("id"), "extension"))]
        facts.append(("Birth date", date_time_text(_attribute(role.find("patient", "birthTime"), "value"))))
        gender = role.find("patient", "administrativeGenderCode")
        facts.append(("Sex", _attribute(gender, "displayName") or _attribute(gender, "code")))
        yield FactGroup("Patient", tuple(fact for fact in facts if fact[1]))
    facts = [("Date", date_time_text(_attribute(root.find("effectiveTime"), "value")))]
    for author in root.elements("author"):
        facts.append(("Author", _name(author.find("assignedAuthor", "assignedPerson", "name"))))
    signer = root.find("legalAuthenticator")
    if signer is not None:
        facts.append(("Signed by", _name(signer.find("assignedEntity", "assignedPerson", "name"))))
    organization = root.find("custodian", "assignedCustodian", "representedCustodianOrganization", "name")
    facts.append(("Custodian", organization.text() if organization else ""))
    yield FactGroup("Document", tuple(fact for fact in facts if fact[1]))


def _name(node: Node | None) -> str:
    if node is None:
        return ""
    parts = [part.text() for part in node.elements("prefix", "given", "family", "suffix")]
    return " ".join(filter(None, parts)) or node.text()


def _attribute(node: Node | None, name: str) -> str:
    return node.attributes.get(name, "") if node else ""


def _sections(parent: Node) -> Iterator[Section]:
    # Recursion is bounded by MAX_DEPTH.
    for component in parent.elements("component"):
        for section in component.elements("section"):
            title, text = section.find("title"), section.find("text")
            code = section.find("code")
            heading = (title.text() if title else "") or _attribute(code, "displayName") or "Section"
            note = f"({_attribute(code, 'code')}, {_attribute(code, 'codeSystemName')})" if code else ""
            blocks = tuple(_narrative(text)) if text else ()
            yield Section(plain(heading, note), (*blocks, *_sections(section)))


def _narrative(parent: Node) -> Iterator[Block]:
    """Blocks of a narrative; text between them becomes paragraphs (CDA R2 4.3.5)."""
    loose: list[Node | str] = []
    for child in parent.children:
        if isinstance(child, Node) and child.name in _BLOCKS:
            yield from _paragraph(loose)
            loose = []
            yield from _block(child)
        else:
            loose.append(child)
    yield from _paragraph(loose)


def _block(node: Node) -> Iterator[Block]:
    caption = node.find("caption")
    if node.name == "table":
        yield _table(node, plain(caption.text()) if caption else ())
        return
    if node.name == "list":
        if caption:
            yield Prose((), (Run(caption.text(), strong=True),))
        items = tuple(tuple(_narrative(item)) for item in node.elements("item"))
        yield Bullets(items, ordered=node.attributes.get("listType") == "ordered")
        return
    yield from _paragraph(node.children)


def _paragraph(children: list[Node | str]) -> Iterator[Prose]:
    runs = _trimmed(list(_runs(children, strong=False)))
    if runs:
        yield Prose((), runs)


def _runs(children: list[Node | str], *, strong: bool) -> Iterator[Run]:
    for child in children:
        if isinstance(child, str):
            words = " ".join(child.split())
            space = " " if child[:1].isspace() else ""
            after = " " if words and child[-1:].isspace() else ""
            if space or words:
                yield Run(f"{space}{words}{after}", strong=strong)
        elif child.name == "br":
            yield Run("\n")
        elif child.name == "renderMultiMedia":
            yield Run("[picture: see the document as it is stored]")
        elif child.name not in {"caption", "footnoteRef"}:
            style = child.attributes.get("styleCode", "")
            yield from _runs(child.children, strong=strong or "Bold" in style or child.name in {"caption", "th"})


def _trimmed(runs: list[Run]) -> Text:
    while runs and not runs[0].text.strip():
        runs.pop(0)
    while runs and not runs[-1].text.strip():
        runs.pop()
    return tuple(runs)


def _table(node: Node, caption: Text) -> Table:
    head: tuple[Text, ...] = ()
    rows: list[tuple[Text, ...]] = []
    for part in node.elements("thead", "tbody", "tfoot", "tr"):
        for row in [part] if part.name in _ROWS else part.elements("tr"):
            cells = tuple(_trimmed(list(_runs(cell.children, strong=False))) for cell in row.elements("th", "td"))
            if part.name == "thead" and not head:
                head = cells
            else:
                rows.append(cells)
    return Table(head, tuple(rows), caption=caption)
