"""Reasons and warning texts: PS3.18 8.3.4, Tables I.2-1 and I.2-2."""

from __future__ import annotations

import pytest

from filmjacket.web import status


@pytest.mark.parametrize(
    ("constant", "code"),
    [
        (status.PROCESSING_FAILURE, 272),
        (status.SOP_CLASS_NOT_SUPPORTED, 290),
        (status.OUT_OF_RESOURCES, 42752),
        (status.DATA_SET_DOES_NOT_MATCH, 43264),
        (status.STUDY_INSTANCE_UID_MISMATCH, 43265),
        (status.CANNOT_UNDERSTAND, 49152),
        (status.TRANSFER_SYNTAX_NOT_SUPPORTED, 49442),
        (status.COERCION_OF_DATA_ELEMENTS, 45056),
        (status.ELEMENTS_DISCARDED, 45062),
        (status.DATA_SET_DOES_NOT_MATCH_WARNING, 45063),
    ],
)
def test_annex_i_codes(constant, code):
    assert constant == code


def test_section_8_3_4_4_1_additional_results():
    assert status.additional_results(42) == "There are 42 additional results that can be requested"


def test_section_8_4_3_warning_header():
    assert status.warning("http://localhost:8104/dicom-web", status.additional_results(5)) == (
        '299 http://localhost:8104/dicom-web "There are 5 additional results that can be requested"'
    )


def test_warning_texts_cannot_break_out():
    assert status.warning("http://x", 'a "b" \\ c\r\nSet-Cookie: d') == '299 http://x "a \\"b\\" \\\\ c  Set-Cookie: d"'
