"""PS3.5 9.1 and B.2."""

import pytest

from filmjacket.dicom.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    is_tolerable_uid,
    is_valid_uid,
    mint_uid,
)


@pytest.mark.parametrize(
    ("text", "valid", "tolerable"),
    [
        ("1.2.840.10008.1.2.1", True, True),
        ("0", True, True),
        ("2.25.0", True, True),
        ("1" * 64, True, True),
        ("1" * 65, False, False),
        ("1.02.3", False, True),
        ("1.00", False, True),
        ("", False, False),
        (".1.2", False, False),
        ("1.2.", False, False),
        ("1..2", False, False),
        ("1.2 ", False, False),
        ("1.2\n", False, False),
        ("1.2\0", False, False),
        ("1.a.2", False, False),
        ("../1.2", False, False),
        ("1/2", False, False),
        ("-1.2", False, False),
        ("１.２", False, False),
    ],
)
def test_validity(text, valid, tolerable):
    assert (is_valid_uid(text), is_tolerable_uid(text)) == (valid, tolerable)


def test_minted_uids_are_valid_and_differ():
    minted = {mint_uid() for _ in range(200)}
    assert len(minted) == 200
    assert all(is_valid_uid(uid) and uid.startswith("2.25.") for uid in minted)


def test_own_names_keep_to_their_limits():
    assert is_valid_uid(IMPLEMENTATION_CLASS_UID)
    assert 1 <= len(IMPLEMENTATION_VERSION_NAME) <= 16
