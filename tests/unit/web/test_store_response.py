"""Store Instances Response Module and status codes: PS3.18 Annex I, Table 10.5.3-1."""

from __future__ import annotations

import pytest

from filmjacket.web import status
from filmjacket.web.store_response import FailedInstance, StoredInstance, answer, build, status_for

BASE = "http://localhost:8104/dicom-web"
CT = "1.2.840.10008.5.1.4.1.1.2"
ONE = StoredInstance("1.2", "1.2.3", "1.2.3.4", CT)
TWO = StoredInstance("1.2", "1.2.3", "1.2.3.5", CT)
ELSEWHERE = StoredInstance("1.9", "1.9.3", "1.9.3.4", CT)
COERCED = StoredInstance("1.2", "1.2.3", "1.2.3.6", CT, warning_reason=status.COERCION_OF_DATA_ELEMENTS)
FAILED = FailedInstance(status.SOP_CLASS_NOT_SUPPORTED, CT, "1.2.3.7")
UNREADABLE = FailedInstance(status.CANNOT_UNDERSTAND)


def test_table_i_2_1_all_stored():
    assert build([ONE], [], BASE) == {
        "00081190": {"vr": "UR", "Value": [f"{BASE}/studies/1.2"]},
        "00081199": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": [CT]},
                    "00081155": {"vr": "UI", "Value": ["1.2.3.4"]},
                    "00081190": {"vr": "UR", "Value": [f"{BASE}/studies/1.2/series/1.2.3/instances/1.2.3.4"]},
                }
            ],
        },
    }


def test_table_i_2_1_failures():
    assert build([], [FAILED, UNREADABLE], BASE) == {
        "00081190": {"vr": "UR"},
        "00081198": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": [CT]},
                    "00081155": {"vr": "UI", "Value": ["1.2.3.7"]},
                    "00081197": {"vr": "US", "Value": [290]},
                }
            ],
        },
        "0008119A": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [49152]}}]},
    }


@pytest.mark.parametrize(("sop_class", "sop"), [(None, None), (CT, None), (None, "1.2"), ("", "1.2"), (CT, "")])
def test_table_i_2_1_only_identified_failures_are_in_the_failed_sop_sequence(sop_class, sop):
    module = build([], [FailedInstance(272, sop_class, sop)], BASE)
    assert "00081198" not in module
    assert "0008119A" in module


def test_table_i_2_1_warnings_and_original_attributes():
    original = {"04000565": {"vr": "CS", "Value": ["COERCE"]}}
    stored = StoredInstance("1.2", "1.2.3", "1.2.3.4", CT, 0xB000, (original,))
    item = build([stored], [], BASE)["00081199"]["Value"][0]
    assert item["00081196"] == {"vr": "US", "Value": [45056]}
    assert item["04000561"] == {"vr": "SQ", "Value": [original]}


@pytest.mark.parametrize(
    ("stored", "url"),
    [([ONE], f"{BASE}/studies/1.2"), ([ONE, TWO], f"{BASE}/studies/1.2"), ([ONE, ELSEWHERE], None), ([], None)],
)
def test_section_10_5_3_2_location_is_the_one_study(stored, url):
    result = answer(stored, [FAILED], BASE)
    assert result.module["00081190"] == ({"vr": "UR", "Value": [url]} if url else {"vr": "UR"})
    assert dict(result.headers) == ({"Location": url, "Content-Location": url} if url else {})


@pytest.mark.parametrize(
    ("stored", "failed", "code"),
    [
        ([ONE], [], 200),
        ([ONE, ELSEWHERE], [], 200),
        ([COERCED], [], 202),
        ([ONE, COERCED], [], 202),
        ([ONE], [FAILED], 202),
        ([ONE], [UNREADABLE], 202),
        ([], [FAILED], 409),
        ([], [FAILED, UNREADABLE], 409),
        ([], [UNREADABLE], 400),
        ([], [], 400),
    ],
)
def test_table_10_5_3_1_status(stored, failed, code):
    assert status_for(stored, failed) == code
    assert answer(stored, failed, BASE).status == code
