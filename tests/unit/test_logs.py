from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from typing import TYPE_CHECKING

import pytest
import structlog

from filmjacket.logs import MASK, configure_logging, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "DOE^JANE"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(output: str = "json", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(level=level, output=output, stream=stream)
    return stream


@pytest.mark.parametrize(
    "field",
    [
        "PatientName",
        "patient_name",
        "patient-id",
        "PatientBirthDate",
        "ReferringPhysicianName",
        "accession_number",
        "AccessionNumber",
        "00100010",
        "00080050",
        "query",
        "query_string",
        "attributes",
        "dataset",
        "Authorization",
        "cookie",
        "database_password",
    ],
)
def test_fields_that_may_identify_a_patient_are_masked_at_any_depth(field: str):
    event = redact(None, "info", {"event": "x", field: NAME, "inner": [{"deeper": {field: [NAME]}}]})
    assert event == {"event": "x", field: MASK, "inner": [{"deeper": {field: MASK}}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"/dicom-web/studies?PatientName={NAME}", "/dicom-web/studies?…"),
        (f'GET /studies?00100010={NAME} HTTP/1.1" 200', 'GET /studies?… HTTP/1.1" 200'),
        (f"https://pacs.example.org/studies?PatientID={NAME}", "https://pacs.example.org/studies?…"),
        ("/dicom-web/studies/1.2.3/series", "/dicom-web/studies/1.2.3/series"),
        ("really? yes", "really? yes"),
    ],
)
def test_query_strings_are_cut_off_everywhere(text: str, expected: str):
    assert redact(None, "info", {"event": text, "path": text, "list": (text,)}) == {
        "event": expected,
        "path": expected,
        "list": [expected],
    }


def test_harmless_fields_stay():
    event = {"event": "request", "status": 200, "sop_uid": "1.2.3", "milliseconds": 1.5, "none": None}
    assert redact(None, "info", dict(event)) == event


def test_json_lines_of_ours_and_of_libraries_have_one_shape():
    stream = lines()
    structlog.stdlib.get_logger("filmjacket.test").info("stored", instances=3, PatientName=NAME)
    logging.getLogger("library").warning("GET /studies?PatientName=%s", NAME)
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert ours.pop("timestamp") <= theirs.pop("timestamp")
    assert ours == {"event": "stored", "level": "info", "instances": 3, "PatientName": MASK}
    assert theirs == {"event": "GET /studies?…", "level": "warning", "logger": "library"}


@pytest.mark.parametrize("output", ["json", "console"])
def test_tracebacks_show_no_local_variables(output: str):
    stream = lines(output)
    log = structlog.stdlib.get_logger()
    try:
        patient_name = NAME
        raise RuntimeError(f"{len(patient_name)}")
    except RuntimeError:
        log.exception("failed", path=f"/studies?PatientName={NAME}")
        logging.getLogger("library").exception("failed")
    text = stream.getvalue()
    assert text.count("RuntimeError: 8") == 2
    assert NAME not in text


def test_auto_is_json_where_there_is_no_terminal():
    stream = lines("auto")
    structlog.stdlib.get_logger().info("hello")
    assert json.loads(stream.getvalue())["event"] == "hello"


def test_level_applies_to_both():
    stream = lines(level="warning")
    structlog.stdlib.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")
    structlog.stdlib.get_logger().warning("loud")
    logging.getLogger("library").warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud", "loud"]


def test_what_pydicom_says_about_values_is_not_logged():
    stream = lines(level="debug")
    logging.getLogger("pydicom").error("Invalid value for PN: %s", NAME)
    warnings.warn_explicit(f"bad value {NAME}", UserWarning, "values.py", 1, module="pydicom.values")
    assert stream.getvalue() == ""


def test_configuring_twice_does_not_write_twice():
    lines()
    stream = lines()
    logging.getLogger("library").info("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_standard_error_is_the_one_of_the_moment(monkeypatch: pytest.MonkeyPatch):
    first, later = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure_logging(output="json")
    log = structlog.get_logger()
    log.warning("one")
    monkeypatch.setattr(sys, "stderr", later)
    first.close()
    log.warning("two")
    assert "two" in later.getvalue()
