"""The IHE integration statement: each test that it names is there, and each resource is in the register."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from filmjacket import __version__
from filmjacket.conformance.notifications import CONNECTIONS
from filmjacket.conformance.register import operations
from filmjacket.settings import describe_settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/explanation/integration-statement.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (RAD-\d+ [^|]+) \| (.+) \|$", TEXT, re.MULTILINE)
RESOURCES = {f"{resource.method} {resource.template}" for _, resource in operations().values()} | {
    f"WebSocket {connection.template}" for connection in CONNECTIONS
}
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", TEXT)))


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_transaction_of_the_task_manager_has_a_row():
    numbers = {int(re.match(r"RAD-(\d+)", name)[1]) for name, _ in ROWS}
    assert numbers == {*range(80, 89), 109, 130}


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_a_row_names_its_resources_and_its_proof(name, row):
    resources, answer, proof = row.split(" | ")
    named = re.findall(r"`([^`]+)`", resources)
    assert named
    assert set(named) <= RESOURCES
    assert answer
    proofs = re.findall(r"`([^`]+)`", proof)
    assert proofs
    assert " ".join(f"`{one}`" for one in proofs) == proof
    assert set(proofs) <= set(NAMED)


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_is_there(named):
    path, function = named.split("::")
    assert function.startswith("test_")
    assert function in functions_of(path)


def test_the_walk_through_the_profile_is_named_whole():
    path = "tests/conformance/test_ihe_aiw_i.py"
    walked = {f"{path}::{name}" for name in functions_of(path) if name.startswith("test_")}
    assert walked <= set(NAMED)


def test_settings_and_version_are_those_of_the_product():
    settings = {row.name for row in describe_settings()}
    named = set(re.findall(r"`((?:worklist|notifications)\.\w+|base_path|edition)\b", TEXT))
    assert len(named) > 4
    assert named <= settings
    assert f"| Version | {__version__} |" in TEXT


def test_what_is_not_supported_is_said():
    missing = TEXT.split("## What is not proved", 1)[1]
    assert all(word in missing for word in ("Connectathon", "Secure Node", "RRR-WF"))
    assert "| DIMSE | Not supported" in TEXT
