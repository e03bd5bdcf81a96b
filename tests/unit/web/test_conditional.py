"""Entity tags: RFC 9110 8.8.3 and 13.1."""

from __future__ import annotations

import pytest

from filmjacket.web.conditional import etag, is_not_modified, is_precondition_failed, is_range_allowed

TAG = etag("abc", "1.2.840")


def test_tags_are_strong_and_differ_by_variant():
    assert TAG == '"abc-1.2.840"'
    assert len({TAG, etag("abc"), etag("abd", "1.2.840"), etag("abc", "1.2.841")}) == 4


def test_tags_hold_only_allowed_characters():
    assert etag('a"b', "multipart/related; type=x", "ä\n") == '"a_b-multipart/related;_type=x-__"'


@pytest.mark.parametrize(
    ("header", "weak", "strong"),
    [
        (TAG, True, True),
        (f" {TAG} ", True, True),
        (f"W/{TAG}", True, False),
        (f'"x", {TAG}', True, True),
        (f'"x",W/{TAG}', True, False),
        (f'"a,b" , {TAG},', True, True),
        ("*", True, True),
        (" * ", True, True),
        ('"abc"', False, False),
        ("abc-1.2.840", False, False),
        (TAG.upper(), False, False),
        ("", False, False),
        (f'"open, {TAG}', False, False),
        (f"{TAG} {TAG}", False, False),
        (f"w/{TAG}", False, False),
    ],
)
def test_rfc_9110_13_1_lists(header, weak, strong):
    assert is_not_modified(header, TAG) is weak
    assert is_precondition_failed(header, TAG) is not strong


def test_rfc_9110_13_1_without_header():
    assert not is_not_modified(None, TAG)
    assert not is_precondition_failed(None, TAG)
    assert not is_precondition_failed(None, None)
    assert is_range_allowed(None, TAG)


def test_rfc_9110_13_1_1_nothing_there():
    assert is_precondition_failed("*", None)
    assert is_precondition_failed(TAG, None)


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        (TAG, True), (f" {TAG}", True), (f"W/{TAG}", False), ('"other"', False), ("*", False), ("", False),
        ("Sun, 22 Nov 2026 13:00:00 GMT", False), (f"{TAG}, {TAG}", False),
    ],
)  # fmt: skip
def test_rfc_9110_13_1_5_if_range(header, allowed):
    assert is_range_allowed(header, TAG) is allowed


def test_weak_tags_never_match_strongly():
    assert not is_range_allowed(f"W/{TAG}", f"W/{TAG}")
    assert is_precondition_failed(f"W/{TAG}", f"W/{TAG}")
    assert is_not_modified(TAG, f"W/{TAG}")
