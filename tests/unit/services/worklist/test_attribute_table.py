"""The attributes of workitems, cell by cell (PS3.4 Table CC.2.5-3)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.datadict import dictionary_description
from pydicom.uid import generate_uid
from tests.workitems import code, element, performed, request, workitem

from filmjacket.archive.worklist_records import State, Workitem
from filmjacket.services.worklist.attribute_table import MACROS, rows, rows_by_tag
from filmjacket.services.worklist.change_state import change_state
from filmjacket.services.worklist.create import create
from filmjacket.services.worklist.final_state import OUTPUT, missing_for
from filmjacket.services.worklist.search import default_return, search
from filmjacket.services.worklist.statuses import Dimse, Refused
from filmjacket.services.worklist.update import update
from filmjacket.web.accept import parse_accept
from filmjacket.web.charset_choice import NO_WISHES
from filmjacket.web.workitem_grammar import parse_workitem_search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.services.worklist.conftest import Office

    from filmjacket.services.worklist.attribute_table import Row


def walk(level: tuple[Row, ...], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Row]]:
    """Every row with its path of tags, parents first."""
    for row in level:
        yield (*above, row.tag), row
        yield from walk(row.items, (*above, row.tag))


ALL = list(walk(rows()))
TOP = [row for path, row in ALL if len(path) == 1]
SERVERS_OWN = {"00081195", "00080016", "00080018", "00404010"}

SEQUENCES: dict[str, dict[str, Any]] = {
    "a": code("C1"),
    "b": {"0040A040": element("CS", "TEXT"), "0040A043": element("SQ", code("N1")), "0040A160": element("UT", "t")},
    "c": {
        "0040E020": element("CS", "DICOM"),
        "00081199": element("SQ", {"00081150": element("UI", "1.2"), "00081155": element("UI", "1.3")}),
        "0040E025": element("SQ", {"00081190": element("UR", "http://h/studies/1")}),
    },
    "d": {"00400031": element("UT", "LOCAL")},
    "f": {"00081150": element("UI", "1.2"), "00081155": element("UI", "1.3")},
    "g": {"00404072": element("SQ", {"00404073": element("UR", "http://h/studies")})},
}
VALUES = {
    "AE": "AE", "CS": "YES", "DA": "20260101", "DS": 40, "DT": "20260101120000+0000", "LO": "text", "LT": "text",
    "PN": {"Alphabetic": "Doe^John"}, "SH": "text", "ST": "text", "TM": "120000", "UI": "1.2.3", "UR": "tel:1",
    "US": 1, "UT": "text",
}  # fmt: skip
DEFINED = {"00080005": "ISO_IR 192", "00741200": "LOW", "00404041": "READY", "00741000": "SCHEDULED"}


def sample(row: Row, operation: str = "create") -> dict[str, Any]:
    """An element with a value; a sequence has an item with what the operation lets it have."""
    if row.vr != "SQ":
        return element(row.vr, DEFINED.get(row.tag, VALUES[row.vr]))
    item = deepcopy(SEQUENCES.get(row.macro, {}))
    item |= {below.tag: sample(below, operation) for below in row.items if getattr(below, operation).allowed}
    return element("SQ", item)


def put(path: tuple[str, ...], attributes: dict[str, Any], value: dict[str, Any] | None, operation: str) -> None:
    """Set or (None) take away the element at a path; the sequences on the way get an item with what it may have."""
    level, table = attributes, rows_by_tag()
    for tag in path[:-1]:
        if not level.get(tag, {}).get("Value"):
            level[tag] = element("SQ", deepcopy(sample(table[tag], operation))["Value"][0])
        level = level[tag]["Value"][0]
        table = {row.tag: row for row in table[tag].items}
    level.pop(path[-1], None)
    if value is not None:
        level[path[-1]] = value


def test_names_are_those_of_the_dictionary() -> None:
    for _, row in ALL:
        known = dictionary_description(int(row.tag, 16)).lower().replace(" / ", "/")
        assert row.name.lower() == known.replace("unified procedure step", "ups")


def test_the_table_is_whole() -> None:
    """As many rows, and as many of each kind, as PS3.4 has."""
    assert len(ALL) == 93
    assert {row.tag for row in TOP if row.match in {"R", "U"}} == {
        "00080018", "00741200", "00741204", "00741202", "00404025", "00404026", "00404027", "00404034", "00404005",
        "00404011", "00404018", "00404041", "00100010", "00100020", "00100021", "00100030", "00100040", "00380010",
        "00380014", "0040A370", "00741224", "00741000",
    }  # fmt: skip
    assert {row.macro for _, row in ALL if row.macro} == set(MACROS)


# Create --------------------------------------------------------------------------------------------------------

CREATED = [(path, row) for path, row in ALL if not (len(path) == 1 and row.tag in SERVERS_OWN)]


def created(office: Office, attributes: dict[str, Any]) -> bool:
    return create(office.desk, deepcopy(attributes), str(generate_uid())).modified


@pytest.mark.parametrize(
    ("path", "row"), CREATED, ids=lambda value: ".".join(value) if isinstance(value, tuple) else ""
)
def test_create(office: Office, path: tuple[str, ...], row: Row) -> None:
    """Type 1 is refused when it is missing or empty, NA when it is there; type 2 is added; all else is free."""
    usage = row.create
    parents = [dict(ALL)[path[:depth]] for depth in range(1, len(path))]
    within = all(above.create.allowed for above in parents)
    missing, empty, there = workitem(), workitem(), workitem()
    put(path, missing, None, "create")
    put(path, empty, {"vr": row.vr}, "create")
    put(path, there, sample(row), "create")
    if not usage.allowed or not within:
        with pytest.raises(Refused) as refused:
            created(office, there)
        assert refused.value.dimse is Dimse.NO_SUCH_ATTRIBUTE
        return
    if usage.scu == "1":
        for attributes, dimse in ((missing, Dimse.MISSING_ATTRIBUTE), (empty, Dimse.MISSING_VALUE)):
            with pytest.raises(Refused) as refused:
                created(office, attributes)
            assert refused.value.dimse in {dimse, Dimse.NOT_SCHEDULED}
    else:
        assert created(office, missing) is (usage.scu == "2")
    if row.tag not in {"00741002", "00741216"}:
        assert created(office, there) is False


@pytest.mark.parametrize("macro", list(MACROS))
def test_items_with_a_macro_are_whole(office: Office, macro: str) -> None:
    row = next(row for row in TOP if row.macro == macro)
    needed = [*MACROS[macro].required, *MACROS[macro].one_of[:1]]
    for tag in needed:
        item = {name: value for name, value in SEQUENCES[macro].items() if name != tag}
        if tag in MACROS[macro].one_of:
            item = {name: value for name, value in item.items() if name not in MACROS[macro].one_of}
        with pytest.raises(Refused):
            created(office, workitem() | {row.tag: element("SQ", item)})


# Set -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "row"), CREATED, ids=lambda value: ".".join(value) if isinstance(value, tuple) else ""
)
def test_set(office: Office, path: tuple[str, ...], row: Row) -> None:
    """What is not allowed is refused; what always has a value is not emptied; all else may be empty."""
    uid = str(generate_uid())
    create(office.desk, workitem(), uid)
    before = office.desk.index.find(uid)
    sent: dict[str, Any] = {}
    put(path, sent, sample(row, "set"), "set")
    allowed = row.set.allowed and all(dict(ALL)[path[:depth]].set.allowed for depth in range(1, len(path)))
    if not allowed:
        with pytest.raises(Refused) as refused:
            update(office.desk, uid, sent, None)
        assert refused.value.dimse is Dimse.NO_SUCH_ATTRIBUTE
        assert office.desk.index.find(uid) == before
        return
    update(office.desk, uid, deepcopy(sent), None)
    after = office.desk.index.find(uid)
    assert isinstance(after, Workitem)
    assert after.attributes[path[0]] == sent[path[0]]
    put(path, sent, {"vr": row.vr}, "set")
    kept = row.set.scu == "1" or (len(path) == 1 and row.set.scp == "1" and row.create.scp == "1")
    if kept:
        with pytest.raises(Refused):
            update(office.desk, uid, sent, None)
    else:
        update(office.desk, uid, sent, None)


# Final state ---------------------------------------------------------------------------------------------------


def final_ready(state: State) -> dict[str, Any]:
    attributes = workitem() | {
        "00080016": element("UI", "1.2.840.10008.5.1.4.34.6.1"),
        "00080018": element("UI", "1.2.3"),
        "00404010": element("DT", "20260101120000+0000"),
    }
    if state is State.COMPLETED:
        return attributes | performed()
    progress = {"00404052": element("DT", "20260101120000+0000"), "0074100E": element("SQ", code("110513", "DCM"))}
    return attributes | {"00741002": element("SQ", progress)}


@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELED])
@pytest.mark.parametrize(("path", "row"), ALL, ids=lambda value: ".".join(value) if isinstance(value, tuple) else "")
def test_final_state(path: tuple[str, ...], row: Row, state: State) -> None:
    needed = row.final in {"R", "P" if state is State.COMPLETED else "X"}
    attributes = final_ready(state)
    assert missing_for(state, attributes) == ()
    level = attributes
    for tag in path[:-1]:
        level = (level.get(tag, {}).get("Value") or [{}])[0]
    level.pop(path[-1], None)
    assert bool(missing_for(state, attributes)) is needed
    level[path[-1]] = {"vr": row.vr}
    assert bool(missing_for(state, attributes)) is (needed and row.tag != OUTPUT)


# Get, Match, Return ---------------------------------------------------------------------------------------------


def everything() -> dict[str, Any]:
    attributes = {row.tag: sample(row) for row in TOP if row.create.allowed and row.tag not in SERVERS_OWN}
    return attributes | {
        "00080005": element("CS", "ISO_IR 192"),
        "00741002": element("SQ"),
        "00741216": element("SQ"),
        "0040A370": element("SQ", request() | attributes["0040A370"]["Value"][0]),
    }


def test_get(office: Office) -> None:
    """Everything comes back but the Transaction UID, also once there is one."""
    uid = str(generate_uid())
    create(office.desk, everything(), uid)
    change_state(office.desk, uid, {"00741000": element("CS", "IN PROGRESS"), "00081195": element("UI", "1.9")}, "X")
    found = office.desk.index.find(uid)
    assert isinstance(found, Workitem)
    # The two UIDs are not got with the data set in DIMSE; on the web they are part of it (PS3.18 11.5).
    for row in TOP:
        assert (row.tag in found.attributes) is (row.get.allowed or row.tag in {"00080016", "00080018"}), row.name
    assert found.transaction_uid == "1.9"


KEYS = [(path, row) for path, row in ALL if row.match in {"R", "U"}]
LEAVES = {
    "a": ("00080100", "C1"), "d": ("00400031", "LOCAL"), "f": ("00081155", "1.3"),
}  # fmt: skip


def searched(office: Office, query: str) -> list[dict[str, Any]]:
    answer = search(
        office.desk, parse_workitem_search(query), 10, parse_accept("application/dicom+json"), NO_WISHES, "http://h"
    )
    import orjson

    return orjson.loads(b"".join(answer.download.chunks))


@pytest.mark.parametrize(("path", "row"), KEYS, ids=lambda value: ".".join(value) if isinstance(value, tuple) else "")
def test_match(office: Office, path: tuple[str, ...], row: Row) -> None:
    """A required key finds what has its value, finds nothing else, and is looked up rather than read for."""
    if row.vr == "SQ" and not row.macro:
        return  # its attributes are the keys
    attributes = everything()
    uid = "1.2.3.4"
    create(office.desk, deepcopy(attributes), uid)
    create(office.desk, workitem(t00100010=element("PN", {"Alphabetic": "Other"})), "1.2.3.5")
    value: Any = uid if row.match == "U" else None
    name = ".".join(path)
    if row.vr == "SQ":
        leaf, value = LEAVES[row.macro]
        name += f".{leaf}"
    elif value is None:
        level = attributes
        for tag in path[:-1]:
            level = level[tag]["Value"][0]
        value = level[path[-1]]["Value"][0]
        value = value["Alphabetic"] if isinstance(value, dict) else value
    other = {"UI": "9.9", "DA": "18000101", "DT": "18000101"}.get(row.vr, "NOTHING")
    found = searched(office, f"{name}={str(value).replace('+', '%2B')}")
    assert uid in {one["00080018"]["Value"][0] for one in found}
    assert searched(office, f"{name}={other if row.vr != 'SQ' or row.macro != 'f' else '9.9'}") == []
    assert not read_for(office, f"{name}={str(value).replace('+', '%2B')}"), "every workitem would be read"


def read_for(office: Office, query: str) -> bool:
    """Whether the plan of a search verifies workitems one by one."""
    from filmjacket.index.workitem_search import _plan

    with office.database.reading() as connection:
        return not _plan(connection, parse_workitem_search(query).keys, other_patient_ids=False).exact


def test_return(office: Office) -> None:
    """Types 1 and 2 are always there, conditional ones with a value, others only when asked for."""
    always, empty = default_return()
    assert always == {row.tag for row in rows() if row.returned in {"1", "2", "1C", "2C"}}
    create(office.desk, everything(), "1.2.3.4")
    create(office.desk, workitem(), "1.2.3.5")
    full, plain = searched(office, "")
    if full["00080018"]["Value"] != ["1.2.3.4"]:
        full, plain = plain, full
    for row in TOP:
        if row.returned in {"1", "2"}:
            assert row.tag in full
            assert row.tag in plain
        elif row.returned in {"3", "-"}:
            assert row.tag not in full
    assert "00102000" in full
    assert "00102000" not in plain
    assert set(plain) - {"00080005"} == set(empty)
    asked = searched(office, "includefield=00404011,00404070&00080018=1.2.3.4")[0]
    assert {"00404011", "00404070"} <= set(asked)
    everything_kept = searched(office, "includefield=all&00080018=1.2.3.4")[0]
    assert {row.tag for row in TOP} - set(everything_kept) == {"00081195"}
