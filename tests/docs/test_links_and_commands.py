"""Links in Markdown lead somewhere, and commands in code blocks exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from filmjacket.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
GROUP = typer.main.get_group(app)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title.replace("`", "").lower()).strip().replace(" ", "-") for title in titles}


LINKS = [
    (page, target)
    for page, text in PAGES.items()
    for target in LINK.findall(without_code(text))
    if not target.startswith(("http:", "https:", "mailto:"))
]


@pytest.mark.parametrize(("page", "target"), LINKS, ids=lambda text: text)
def test_relative_link_resolves(page, target):
    name, _, anchor = target.partition("#")
    path = (ROOT / page).parent / name if name else ROOT / page
    assert path.exists()
    if anchor:
        assert anchor in anchors(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_page_in_docs_links_to_the_site_only(page):
    if page.startswith("docs/"):
        outside = [
            target
            for where, target in LINKS
            if where == page
            and not ((ROOT / where).parent / target.partition("#")[0]).resolve().is_relative_to(ROOT / "docs")
        ]
        assert outside == []


def command_lines():
    for page, text in PAGES.items():
        for language, block in BLOCK.findall(text):
            if language in {"", "sh", "console"}:
                joined = block.replace("\\\n", " ")
                for line in joined.splitlines():
                    command = re.sub(r"^\$ |\s+#.*$", "", line)
                    if re.match(r"((\w+=\S+|'[^']*') )*(\.venv/bin/)?(filmjacket|make) ", command):
                        yield page, command


COMMANDS = list(command_lines())


def test_there_are_commands_to_check():
    assert {page for page, _ in COMMANDS} >= {"README.md", "CONTRIBUTING.md", "docs/tutorial/first-archive.md"}


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda text: text)
def test_command_exists(page, command):
    words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
    name = words[0].rpartition("/")[2]
    if name == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
        return
    if words[1].startswith("-"):
        assert words[1] == "--version"
        return
    command = GROUP.commands[words[1]]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(2)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words[2:] if word.startswith("-")} <= known


@pytest.mark.parametrize("page", PAGES)
def test_page_names_no_place_of_this_machine(page):
    assert not re.search(r"/(work|tmp|root|home)/", PAGES[page])


def test_pictures_are_described_and_fetch_nothing():
    for page, text in PAGES.items():
        assert "![](" not in text, page
    for picture in (ROOT / "docs/images").glob("*.svg"):
        text = picture.read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href)=|url\((?!#)|@import|@font-face", re.sub(r'url\(#|clip-path="url', "", text))
