"""The Grafana board asks for metrics that exist, by labels that they have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from filmjacket.observability.exposition import OF_PROCESSES
from filmjacket.observability.families import BY_NAME, FAMILIES, Kind

BOARD = json.loads(Path("deploy/grafana/filmjacket.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
NAME = re.compile(r"filmjacket_[a-z_]+")
LABELS = re.compile(r"(?:by \(([a-z_, ]+)\))|\{([^}]*)\}")


def exposed() -> dict[str, set[str]]:
    """Every name of a sample with its labels."""
    found = {name: {"worker"} if "_worker_" in name else set() for name, _ in OF_PROCESSES}
    found["filmjacket_build_info"] = {"version"}
    for family in FAMILIES:
        labels = set(family.labels)
        if family.kind is Kind.HISTOGRAM:
            found |= {
                f"{family.name}_bucket": labels | {"le"},
                f"{family.name}_sum": labels,
                f"{family.name}_count": labels,
            }
        else:
            found[family.name] = labels
    return found


@pytest.mark.parametrize(("title", "expression"), QUERIES)
def test_a_panel_asks_for_what_there_is(title: str, expression: str):
    names = set(NAME.findall(expression))
    assert names, title
    known = exposed()
    assert names <= set(known), title
    labels = {"job", "instance", *(label for name in names for label in known[name])}
    for grouped, matched in LABELS.findall(expression):
        asked = (
            {label.strip() for label in grouped.split(",")}
            if grouped
            else set(re.findall(r"([a-z_]+)\s*[=!]", matched))
        )
        assert asked - {""} <= labels, (title, asked)


def test_every_metric_has_a_panel():
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for _, query in QUERIES for name in NAME.findall(query)}
    assert set(BY_NAME) | {name for name, _ in OF_PROCESSES} == asked


def test_every_metric_is_counted_somewhere():
    sources = "".join(path.read_text() for path in Path("src/filmjacket").rglob("*.py") if path.name != "families.py")
    assert [family.name for family in FAMILIES if f'"{family.name}"' not in sources] == []


def test_panels_have_their_own_place_and_name():
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS]
    assert len(set(places)) == len(places)
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${source}"}
