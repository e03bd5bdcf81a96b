"""What an administrator or a client can meet is documented, and the generated pages are what the code says."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

from filmjacket.cli.main import app
from filmjacket.dicom import inflate, inline_rule, limits
from filmjacket.http.routes import DESCRIPTIONS, STUDIES_SERVICE
from filmjacket.settings import describe_settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def load_generate():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generate()


def page(path: str) -> str:
    return (DOCS / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", generate.makers())
def test_generated_page_is_current(path):
    assert page(path) == generate.made(path), f"docs/{path} is not current; run `make docs`"


@pytest.mark.parametrize("row", describe_settings(), ids=lambda row: row.name)
def test_setting_is_documented(row):
    line = next((line for line in page("reference/settings.md").splitlines() if f"| `{row.name}` |" in line), "")
    assert row.variable in line
    assert row.description in line
    assert len(row.description) > 20


COMMANDS = dict(generate.commands(typer.main.get_group(app), "filmjacket"))


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_documented_with_an_example(name):
    section = page("reference/command-line.md").split(f"## {name}\n", 1)[1].split("\n## ")[0]
    assert f"Example: `{name}" in section or hasattr(COMMANDS[name], "commands")
    for parameter in (one for one in COMMANDS[name].params if not getattr(one, "hidden", False)):
        for option in parameter.opts if parameter.param_type_name == "option" else [parameter.metavar]:
            assert f"`{option}`" in section


@pytest.mark.parametrize("row", STUDIES_SERVICE + DESCRIPTIONS, ids=lambda row: row.name)
def test_route_is_documented(row):
    assert f"| {row.method} | `/dicom-web{row.template}` |" in page("reference/routes.md")


@pytest.mark.parametrize("kind", generate.error_kinds(), ids=lambda kind: kind.reason_code)
def test_reason_code_is_documented(kind):
    assert f"| {kind.status} | `{kind.reason_code}` |" in page("reference/errors.md")


DECISIONS = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("name", DECISIONS)
def test_decision_is_listed_where_readers_look(name):
    title = page(f"decisions/{name}").splitlines()[0].removeprefix("# ")
    assert f"[{title}]({name})" in page("decisions/README.md")
    assert f'"decisions/{name}"' in (ROOT / "zensical.toml").read_text(encoding="utf-8")


def test_decisions_are_numbered_without_gaps():
    assert [int(name[:4]) for name in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert {path for path in pages if f'"{path}"' not in navigation} == set()


def test_every_dependency_has_a_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    wanted = {re.split(r"[\[<>=]", line)[0] for line in lines}
    listed = set(re.findall(r"^\| ([\w-]+)", page("explanation/dependencies.md"), re.MULTILINE)) - {"package", "---"}
    assert listed == wanted


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (limits.MAX_DEPTH, "nest up to {:,} deep"),
        (limits.MAX_EVENTS, "up to {:,} elements and items"),
        (limits.MAX_HEADER_BYTES >> 20, "a header up to {:,} MiB"),
        (limits.MAX_TEXT_BYTES >> 20, "inline up to {:,} MiB"),
        (limits.MAX_FRAGMENTS, "up to {:,} fragments"),
        (inflate.MAX_INFLATED_BYTES >> 30, "data set up to {:,} GiB"),
        (inline_rule.INLINE_BINARY_BYTES, "inline up to {:,} bytes, other"),
        (inline_rule.INLINE_TEXT_BYTES, "bulk data up to {:,} bytes"),
        (inline_rule.INLINE_BUDGET >> 20, "once a header has {:,} MiB"),
    ],
)
def test_limits_in_the_explanation_are_those_of_the_readers(limit, words):
    assert words.format(limit) in " ".join(page("explanation/reading-dicom.md").split())
