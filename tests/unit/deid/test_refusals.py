"""Which instances are refused, and what is known of text in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filmjacket.deid.burned_in import BurnedIn, burned_in
from filmjacket.deid.refusals import check_deidentifiable
from filmjacket.errors import NotAcceptable

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

ROOT = "1.2.840.10008.5.1.4.1.1."
EXPLICIT = "1.2.840.10008.1.2.1"
MPEG4 = "1.2.840.10008.1.2.4.102"
JPIP = "1.2.840.10008.1.2.4.94"


def image(suffix: str, said: str = "", *kinds: str, **more: object) -> Attributes:
    made: Attributes = {
        "00080016": {"vr": "UI", "Value": [ROOT + suffix]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "/7FE00010"},
    }
    if said:
        made["00280301"] = {"vr": "CS", "Value": [said]}
    if kinds:
        made["00080008"] = {"vr": "CS", "Value": list(kinds)}
    for tag, values in more.items():
        made[tag.removeprefix("t")] = {"vr": "CS", "Value": [values]}
    return made


@pytest.mark.parametrize(
    ("attributes", "syntax", "judged"),
    [
        (image("2"), EXPLICIT, BurnedIn.NO),
        (image("2", "YES"), EXPLICIT, BurnedIn.YES),
        (image("2", "", "ORIGINAL", "PRIMARY", "AXIAL"), EXPLICIT, BurnedIn.NO),
        (image("2", "", "DERIVED", "PRIMARY", "MPR"), EXPLICIT, BurnedIn.NO),
        (image("2", "", "DERIVED", "SECONDARY"), EXPLICIT, BurnedIn.POSSIBLE),
        (image("2", "NO", "DERIVED", "SECONDARY"), EXPLICIT, BurnedIn.NO),
        (image("2", "", "ORIGINAL", "PRIMARY", "SCREEN SAVE"), EXPLICIT, BurnedIn.POSSIBLE),
        (image("2", t00080064="WSD"), EXPLICIT, BurnedIn.POSSIBLE),
        (image("6.1"), EXPLICIT, BurnedIn.POSSIBLE),
        (image("6.1", "NO"), EXPLICIT, BurnedIn.NO),
        (image("7"), EXPLICIT, BurnedIn.POSSIBLE),
        (image("12.1"), EXPLICIT, BurnedIn.POSSIBLE),
        (image("77.1.6", "NO", "ORIGINAL", "PRIMARY", "VOLUME"), EXPLICIT, BurnedIn.NO),
        (image("77.1.6", "NO", "ORIGINAL", "PRIMARY", "LABEL"), EXPLICIT, BurnedIn.YES),
        (image("77.1.6", "NO", "ORIGINAL", "PRIMARY", "OVERVIEW"), EXPLICIT, BurnedIn.YES),
        (image("2"), MPEG4, BurnedIn.POSSIBLE),
    ],
)
def test_text_in_pixels(attributes: Attributes, syntax: str, judged: BurnedIn) -> None:
    assert burned_in(attributes, syntax) is judged


def bare(suffix: str) -> Attributes:
    return {"00080016": {"vr": "UI", "Value": [ROOT + suffix]}}


OVERLAY = {"60000102": {"vr": "US", "Value": [12]}}

CASES = [
    (image("2"), EXPLICIT, ""),
    (image("2") | OVERLAY, EXPLICIT, "overlay"),
    (image("2", t00280302="YES"), EXPLICIT, "recognized"),
    (image("6.1"), EXPLICIT, "does not say NO"),
    (image("6.1", "NO"), EXPLICIT, ""),
    (image("6.1", "YES"), EXPLICIT, "burned"),
    (image("77.1.1.1", "NO"), MPEG4, "video"),
    (image("2"), JPIP, "coding"),
    (image("2"), "1.2.3", "coding"),
    (bare("88.33"), EXPLICIT, "document"),
    (bare("104.1"), EXPLICIT, "document"),
    (bare("66"), EXPLICIT, "nobody knows"),
    (bare("9.4.1"), EXPLICIT, "sound"),
    (bare("9.1.1"), EXPLICIT, ""),
    (bare("481.3"), EXPLICIT, ""),
    (bare("11.1"), EXPLICIT, ""),
    (bare("1"), EXPLICIT, "nobody knows"),
    ({"00080016": {"vr": "UI", "Value": ["1.3.6.1"]}}, EXPLICIT, "nobody knows"),
]


@pytest.mark.parametrize(("attributes", "syntax", "reason"), CASES)
def test_refusals(attributes: Attributes, syntax: str, reason: str) -> None:
    if not reason:
        check_deidentifiable(attributes, syntax)
        return
    with pytest.raises(NotAcceptable, match=reason):
        check_deidentifiable(attributes, syntax)
