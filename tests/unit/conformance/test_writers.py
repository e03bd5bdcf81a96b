"""Writers of documents: Markdown, HTML, PDF, and the command that calls them."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from filmjacket.cli.main import app
from filmjacket.conformance.as_html import as_html
from filmjacket.conformance.as_markdown import as_markdown
from filmjacket.conformance.as_pdf import as_pdf
from filmjacket.conformance.document import Bullets, Contents, Document, Paragraph, Section, Table, pieces
from filmjacket.conformance.statement import conformance_statement
from filmjacket.conformance.statement_overview import data_flow
from filmjacket.settings import Settings

pytestmark = pytest.mark.slow

SMALL = Document(
    "Title",
    "Product 1",
    (("Version", "1"),),
    (
        Section("1", "First", (Paragraph("Text with `code <b>` & more."), Contents(), data_flow())),
        Section("A", "Last", (Bullets(("one", "two `2`")), Table("Table 1", ("x", "y"), (("a|b", "`c`"),)))),
    ),
)


class Checker(HTMLParser):
    """Elements are closed in order, and nothing is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.identifiers: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        assert "src" not in values
        if "id" in values:
            self.identifiers.append(values["id"])
        if "href" in values:
            self.targets.append(values["href"])
        if tag not in {"meta", "col", "rect", "line", "path"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(checker.identifiers) == len(set(checker.identifiers))
    assert {target[1:] for target in checker.targets} <= set(checker.identifiers)
    assert "url(http" not in page
    return checker


def test_pieces_tell_code_from_text() -> None:
    assert list(pieces("a `b` c")) == [("a ", False), ("b", True), (" c", False)]
    assert list(pieces("no code")) == [("no code", False)]


def test_html_is_well_formed_and_loads_nothing() -> None:
    page = as_html(SMALL)
    check(page)
    assert "<code>code &lt;b&gt;</code> &amp; more." in page
    assert "<td>a|b</td><td><code>c</code></td>" in page
    assert page.count("<svg") == 1


def test_html_of_the_statement_links_every_chapter() -> None:
    checker = check(as_html(conformance_statement(Settings(), date="2026-11-22")))
    assert {"#s1", "#s5-3", "#s8", "#sA"} <= set(checker.targets)


def test_markdown_tables_and_links() -> None:
    text = as_markdown(SMALL)
    assert "| a\\|b | `c` |" in text
    assert "- [1 First](#1-first)" in text
    assert "## Annex A Last" in text
    assert "FILMJACKET Web Origin Server" in text


def test_markdown_of_the_statement_has_links_that_resolve() -> None:
    text = as_markdown(conformance_statement(Settings(), date="2026-11-22"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-") for title in titles}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert len(links) > 30
    assert set(links) <= anchors


def test_pdf_is_the_same_for_the_same_document_and_has_pages() -> None:
    whole = conformance_statement(Settings(), date="2026-11-22")
    document = replace(whole, sections=(whole.sections[0], whole.sections[5]))  # all of it takes ten times as long
    first = as_pdf(document)
    assert first == as_pdf(document)
    assert first.startswith(b"%PDF-")
    assert first.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", first)) > 20
    assert b"/Outlines" in first


def test_pdf_takes_texts_that_its_fonts_do_not_have() -> None:
    document = Document("漢字", "é", (("a", "ß"),), (Section("1", "漢", (Paragraph("<&> 漢 `漢`"), Contents())),))
    assert as_pdf(document).startswith(b"%PDF-")


def test_only_the_pdf_needs_its_library() -> None:
    import subprocess

    code = "import sys, filmjacket.http.routes; sys.exit('reportlab' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The command --------------------------------------------------------------------------------------------------

run = CliRunner()


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("out.md", b"# DICOM Conformance Statement"),
        ("out.html", b"<!doctype html>"),
        ("out.pdf", b"%PDF-"),
        ("out.json", b'{"application"'),
        ("out.wadl", b"<?xml"),
    ],
)
def test_the_name_of_the_output_says_the_format(tmp_path, name: str, starts: bytes) -> None:
    result = run.invoke(app, ["conformance", "--output", str(tmp_path / name)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / name).read_bytes().startswith(starts)


@pytest.mark.parametrize("name", ["json", "wadl", "openapi"])
def test_machines_get_documents_with_the_base_url(name: str) -> None:
    result = run.invoke(app, ["conformance", "--format", name, "--base-url", "https://pacs.example.org/web/"])
    assert result.exit_code == 0
    assert "https://pacs.example.org/web" in result.stdout
    if name == "wadl":
        assert ET.fromstring(result.stdout).tag.endswith("application")
    else:
        assert json.loads(result.stdout)


def test_markdown_is_the_default() -> None:
    result = run.invoke(app, ["conformance"])
    assert result.stdout.startswith("# DICOM Conformance Statement")
    assert "http://127.0.0.1:8104/dicom-web" in result.stdout


def test_an_unknown_format_is_a_usage_error() -> None:
    assert run.invoke(app, ["conformance", "--format", "word"]).exit_code == 2
