"""Names of the files in a ZIP archive."""

from __future__ import annotations

import pytest

from filmjacket.web.zip_names import FileIdentity, NameTemplate

FILE = FileIdentity("1.2", "1.2.3", "1.2.3.4", 7, 12)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{study}/{series}/{instance}.dcm", "1.2/1.2.3/1.2.3.4.dcm"),
        ("{series_number}/{instance_number}", "7/12"),
        ("DICOM/S{series_number:03}/I{instance_number:05}.dcm", "DICOM/S007/I00012.dcm"),
        ("my study/{instance}", "my study/1.2.3.4"),
    ],
)
def test_fields(template: str, name: str) -> None:
    assert NameTemplate.parse(template).name(FILE) == name


def test_equal_names_are_numbered_before_the_suffix() -> None:
    template = NameTemplate.parse("{instance_number}.dcm")
    files = [FileIdentity("1", "2", str(n), 1, number) for n, number in enumerate((1, 1, None, 1, None))]
    assert list(template.names(files)) == ["1.dcm", "1-2.dcm", "unknown.dcm", "1-3.dcm", "unknown-2.dcm"]


def test_a_number_that_is_taken_already_is_passed_over() -> None:
    """`{instance_number}-{series_number}` can make by itself what the numbering would."""
    template = NameTemplate.parse("{series_number}-{instance_number}")
    files = [FileIdentity("1", "2", str(n), *numbers) for n, numbers in enumerate([(1, 1), (1, 1), (1, 1), (1, 2)])]
    names = list(template.names(files))
    assert len(set(names)) == 4


def test_uids_need_no_memory_of_what_came_before() -> None:
    template = NameTemplate.parse("{series_number}/{instance}")
    assert list(template.names([FILE, FILE])) == ["7/1.2.3.4", "7/1.2.3.4"]


@pytest.mark.parametrize("template", ["{study}", "x", "{instance}/..", "./{instance}", "{instance_number:x}", "{a}"])
def test_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"expected|fields|each part"):
        NameTemplate.parse(template)
