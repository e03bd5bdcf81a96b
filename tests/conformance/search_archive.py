"""The archive that the search tests look into: real files as they are, and studies made from them for one row each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pydicom
from pydicom.data import get_charset_files
from pydicom.uid import generate_uid
from tests.conformance.wire import BASE, Answer, send
from tests.samples import multipart, sample, uids, variant

if TYPE_CHECKING:
    from starlette.testclient import TestClient

CHARSET_FILES = (
    "chrArab", "chrFren", "chrGerm", "chrGreek", "chrH31", "chrH32", "chrHbrw", "chrI2", "chrKoreanMulti", "chrRuss",
    "chrX1", "chrX2",
)  # fmt: skip

# Instants around the standard's example StudyDate=20060705-20060707&StudyTime=1000-1800 (PS3.18 8.3.4.1.1)
TIMELINE = {
    "first day 09:59": ("20060705", "095959.9"),
    "first day 10:00": ("20060705", "100000"),
    "second day 03:00": ("20060706", "0300"),
    "second day 23:00": ("20060706", "230000.000000"),
    "last day 18:00": ("20060707", "180000"),
    "last day 18:01": ("20060707", "180100"),
    "date without time": ("20060706", ""),
    "no date": ("", ""),
}

# Texts that differ only in what wildcard matching must or must not see
ACCESSIONS = {
    "upper": "ABC-100", "lower": "abc-100", "longer": "ABC-1000", "other": "XBC-100", "percent": "A%C_100", "empty": "",
}  # fmt: skip

NAMES = {
    "plain": "Müller^Jürgen",
    "capitals": "MUELLER^ANNA",
    "two parts": "Van Dyke^Dick^^Mr",
    "caret only": "^^^^",
}


@dataclass
class Library:
    """Files of an archive by label: `study`, `study/series`, `study/series/instance`."""

    files: list[bytes] = field(default_factory=list)
    studies: dict[str, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)

    def add(self, label: str, file: bytes) -> None:
        """Take in one file under `study/series/instance`."""
        study, one, instance = uids(file)
        self.files.append(file)
        self.studies[study] = label.split("/", maxsplit=1)[0]
        self.series[one] = label.rpartition("/")[0]
        self.instances[instance] = label

    def uid(self, label: str) -> str:
        """The UID behind a label."""
        for table in (self.studies, self.series, self.instances):
            for uid, known in table.items():
                if known == label:
                    return uid
        raise KeyError(label)

    def path(self, label: str) -> str:
        """`/studies/...` of a label."""
        parts = label.split("/")
        names = ("studies", "series", "instances")
        return "".join(f"/{names[n]}/{self.uid('/'.join(parts[: n + 1]))}" for n in range(len(parts)))


@dataclass
class Searchable:
    """A client on the archive, and what is in it."""

    client: TestClient
    library: Library

    def get(self, target: str, **headers: str) -> Answer:
        """GET with `{label}` in the target replaced by that label's path."""
        for label in (*self.library.studies.values(), *self.library.series.values()):
            target = target.replace("{" + label + "}", self.library.path(label))
        return send(self.client, target, headers=headers)

    def rows(self, target: str) -> list[dict[str, dict[str, object]]]:
        """Matches of a search that must succeed."""
        answer = self.get(target)
        assert answer.status == 200, answer.body
        return answer.json()

    def found(self, target: str) -> set[str]:
        """Labels of the matches of a search."""
        table, tag = {
            "studies": (self.library.studies, "0020000D"),
            "series": (self.library.series, "0020000E"),
            "instances": (self.library.instances, "00080018"),
        }[target.partition("?")[0].rpartition("/")[2]]
        found = [table[row[tag]["Value"][0]] for row in self.rows(target)]
        assert len(found) == len(set(found)), "an entity occurs twice"
        return set(found)


@cache
def charset_sample(name: str) -> bytes:
    """One of pydicom's files in many character sets."""
    (path,) = get_charset_files(f"{name}.dcm")
    return Path(path).read_bytes()


def made(name: str, **changes: object) -> bytes:
    """A bundled file with attributes changed and new UIDs where none are given."""
    defaults = {key: generate_uid() for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    return variant(name, **(defaults | changes))


def item(**attributes: object) -> pydicom.Dataset:
    """A sequence item."""
    dataset = pydicom.Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def library() -> Library:
    """Every file the search tests need."""
    books = Library()
    for label, name in (
        ("ct", "CT_small.dcm"),
        ("overlay", "examples_overlay.dcm"),
        ("report", "reportsi.dcm"),
        ("acr-nema", "ExplVR_BigEnd.dcm"),
        ("nm", "JPEG2000.dcm"),
        ("rgb", "SC_rgb_rle_2frame.dcm"),
        ("carets", "image_dfl.dcm"),
    ):
        books.add(f"{label}/a/1", sample(name))
    for name in CHARSET_FILES:
        books.add(f"{name}/a/1", charset_sample(name))
    for label, (date, time) in TIMELINE.items():
        step = {"PerformedProcedureStepStartDate": date, "PerformedProcedureStepStartTime": time}
        file = made("MR_small.dcm", PatientID="TIMELINE", StudyDate=date, StudyTime=time, **step)
        books.add(f"{label}/a/1", file)
    for label, text in ACCESSIONS.items():
        books.add(f"{label}/a/1", made("MR_small.dcm", PatientID="TEXTS", AccessionNumber=text, StudyDate="20011111"))
    for label, name in NAMES.items():
        file = made("MR_small.dcm", SpecificCharacterSet="ISO_IR 192", PatientID="NAMES", PatientName=name)
        books.add(f"{label}/a/1", file)
    books.add("no modality/a/1", made("MR_small.dcm", PatientID="NOMOD", Modality=""))
    _add_multi(books)
    return books


def _add_multi(books: Library) -> None:
    """Add a study of two series and four instances whose every search key differs from all other studies'."""
    study = {
        "StudyInstanceUID": generate_uid(),
        "StudyDate": "19991231",
        "StudyTime": "235958.25",
        "AccessionNumber": "ACC 7/a",
        "ReferringPhysicianName": "Who^Doctor",
        "PatientName": "Multi^Level",
        "PatientID": "M+1,2&3=4",
        "PatientBirthDate": "19500102",
        "PatientSex": "F",
        "StudyID": "SID#1",
        "StudyDescription": "Two series",
    }
    ct = study | {
        "SeriesInstanceUID": generate_uid(),
        "Modality": "CT",
        "SeriesNumber": 41,
        "SeriesDescription": "Axial",
        "PerformedProcedureStepStartDate": "19991230",
        "PerformedProcedureStepStartTime": "101112",
        "RequestAttributesSequence": [
            item(ScheduledProcedureStepID="STEP1", RequestedProcedureID="PROC1", RequestedProcedureDescription="x"),
            item(ScheduledProcedureStepID="STEP2", RequestedProcedureID="PROC2"),
        ],
    }
    for number in (1, 2, 3):
        books.add(f"multi/ct/{number}", made("CT_small.dcm", InstanceNumber=100 + number, **ct))
    mr = study | {"SeriesInstanceUID": generate_uid(), "Modality": "MR", "SeriesNumber": 42}
    books.add("multi/mr/1", made("MR_small.dcm", InstanceNumber=201, **mr))


def fill(client: TestClient, books: Library) -> None:
    """Store a library through the front door."""
    body, headers = multipart(*books.files)
    answer = client.post(f"{BASE}/studies", content=body, headers=headers)
    assert answer.status_code in {200, 202}, answer.text
    assert "00081198" not in answer.json(), answer.text


def encoded(text: str) -> str:
    """Percent-encode everything that a query value may not hold."""
    return quote(text, safe="")
