"""SQL answers every search as `filmjacket.web.matching` does, whatever is stored and whatever is asked."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.records import BlobRef, Candidate
from filmjacket.dicom.header import Layout
from filmjacket.dicom.levels import Level
from filmjacket.errors import BadRequest
from filmjacket.index import SqlIndex, open_index
from filmjacket.index.schema import metadata
from filmjacket.web.matching import matches_all
from filmjacket.web.query import SearchQuery, parse_search
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engines.backends import Backend

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"

TEXTS = [
    *("A1", "a1", "A1 ", " A1", "A%1", "A_1", "A\\1", "A[1]", "A*1", "A?1", "A", "AA", "ABABABAB", "''", '""'),
    *("\ud7ff", "\ue000", "\U0010ffff", "\U0010ffffZ", "é", "e\u0301", "ÄÖ", "日本", "x" * 300, "A\x001", " "),
]
NAMES = [
    *("DOE^JOHN", "Doe^John^^^", "doe", "^^^^", "^JOHN", "DOE ^ JOHN", "O_REILLY", "O%REILLY", " "),
    *("Müller^Jörg", "MULLER^JORG", "Straße^A", "İstanbul", "ΣΊΣΥΦΟΣ"),
    *("山田^太郎", "ヤマダ^タロウ", "ﾔﾏﾀﾞ^ﾀﾛｳ", "かた", "がた"),
]
DATES = ["20060705", "20060706", "20060707", "2006.07.06", "20061301", "garbage", "20060705 "]
TIMES = ["10", "1000", "100000", "100000.000001", "18:00:30", "180030", "2460", "09", "235959.999999"]
NUMBERS = [1, 2, "01", "1 ", 1.0, 1.5, "abc", -1, "9" * 30, 2**63 - 1, 2**63 - 2]
MOMENTS = ["20060705", "20060705100000+0100", "2006", "x"]

# What a promoted column cannot hold faithfully.
ODD = [7, "x" * 300, "A\x001", "^^^^", " ", 1.5, "9" * 30, 2**63 - 1]

STUDY_VALUES = {
    "00080020": ("DA", DATES),
    "00080030": ("TM", TIMES),
    "00080050": ("SH", TEXTS),
    "00080090": ("PN", NAMES),
    "00100010": ("PN", NAMES),
    "00100020": ("LO", TEXTS),
    "00200010": ("SH", [*TEXTS, 7]),
    "00081030": ("LO", TEXTS),
    "00100030": ("DA", DATES),
    "00080201": ("SH", ["+0100", "-0500", "+1400", "bad"]),
    "00101001": ("PN", NAMES),
    "00081080": ("LO", TEXTS),
}
# Columns hold one value; these attributes have none.
SEVERAL = {"00101001", "00081080"}
SERIES_VALUES = {
    "00080060": ("CS", ["CT", "MR", "ct", "C T"]),
    "00200011": ("IS", NUMBERS),
    "00400244": ("DA", DATES),
    "00400245": ("TM", TIMES),
    "00400275": ("SQ", []),
}
INSTANCE_VALUES = {
    "00200013": ("IS", NUMBERS),
    "0008002A": ("DT", MOMENTS),
    "00180050": ("DS", NUMBERS),
    "00280010": ("US", [1, 2]),
}
ITEM_VALUES = {"00400009": ("SH", TEXTS), "00401001": ("SH", TEXTS), "00400007": ("LO", TEXTS)}
LEVELS = [Level.STUDY, Level.SERIES, Level.INSTANCE]


class Maker:
    """Makes archives and searches out of the odd values above; one seed makes the same again."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        # Half of the archives hold nothing that columns cannot: there SQL alone decides and pages.
        self.orderly = self.random.random() < 0.5

    def value(self, vr: str, pool: list[Any]) -> Any:
        if vr == "SQ":
            return self.attributes(ITEM_VALUES)
        if self.orderly:
            pool = [value for value in pool if value not in ODD]
        if vr == "PN":
            groups = self.random.sample(["Alphabetic", "Ideographic", "Phonetic"], self.random.randint(1, 3))
            return {group: self.random.choice(pool) for group in groups}
        return self.random.choice(pool)

    def element(self, vr: str, pool: list[Any], *, several: bool = False) -> dict[str, Any] | None:
        """Mostly one value; sometimes absent, empty, several, or with empty members."""
        how = self.random.random()
        if how < 0.1:
            return None
        if how < 0.2:
            return {"vr": vr}
        if vr != "SQ" and not several and (how < 0.9 or self.orderly):
            return {"vr": vr, "Value": [self.value(vr, pool)]}
        values = [self.value(vr, pool) for _ in range(self.random.randint(1, 3))]
        if vr != "SQ" and self.random.random() < 0.5:
            values.append(None)
        return {"vr": vr, "Value": values}

    def attributes(self, pools: dict[str, tuple[str, list[Any]]]) -> dict[str, Any]:
        found = {tag: self.element(vr, pool, several=tag in SEVERAL) for tag, (vr, pool) in pools.items()}
        return {tag: element for tag, element in found.items() if element is not None}

    def archive(self) -> list[Any]:
        def some(most: int) -> range:
            return range(self.random.randint(1, most))

        return [
            (
                self.attributes(STUDY_VALUES),
                [
                    (self.attributes(SERIES_VALUES), [self.attributes(INSTANCE_VALUES) for _ in some(2)])
                    for _ in some(2)
                ],
            )
            for _ in some(8)
        ]

    def pattern(self, pool: list[Any]) -> str:
        """A value as it is, cut to a prefix, with parts turned into wildcards, in another case."""
        value = str(self.random.choice(pool))
        place = self.random.randint(0, len(value))
        return self.random.choice(
            [
                value,
                value[:place] + "*",
                "*" + value[place:],
                value[:place] + "?" + value[place + 1 :],
                value[:place] + "*" + value[place + 1 :] + "*",
                "*" + "*".join(value) + "*",
                value.swapcase(),
                "",
                "?*",
                value + "=" + value,
                "=" + value[:place] + "*",
                '""',
                value + "," + str(self.random.choice(pool)),
            ]
        )

    def range(self, pool: list[str]) -> str:
        first, last = self.random.choice(pool), self.random.choice(pool)
        return self.random.choice([first, f"{first}-{last}", f"{first}-", f"-{last}"])

    def search(self) -> tuple[Level, str]:
        level = self.random.choice(LEVELS)
        names = {name: make for below in LEVELS[: LEVELS.index(level) + 1] for name, make in KEYS[below].items()}
        if level is Level.STUDY:
            names["Modality"] = names.pop("ModalitiesInStudy")
        chosen = self.random.sample(sorted(names), self.random.choice([1, 1, 2, 3]))
        text = "&".join(f"{name}={quote(names[name](self), safe=',')}" for name in chosen)
        for flag in ("fuzzymatching", "emptyvaluematching", "multiplevaluematching"):
            text += f"&{flag}={self.random.choice(['true', 'false'])}"
        if self.random.random() < 0.3:
            text += f"&TimezoneOffsetFromUTC={self.random.choice(['%2B0100', '-1200', '%2B0000'])}"
        return level, text


def of(*values: str) -> Callable[[Maker], str]:
    return lambda maker: maker.random.choice(values)


def dates(maker: Maker) -> str:
    return maker.range(["20060705", "20060706", "20060707"]) if maker.random.random() < 0.9 else '""'


def times(maker: Maker) -> str:
    return maker.range(["10", "1000", "100000.000001", "1800", "2359"])


def texts(maker: Maker) -> str:
    return maker.pattern([*TEXTS, "7"])


def names(maker: Maker) -> str:
    return maker.pattern(
        [*NAMES, "john doe", "Jon", "Mueler", "yörk", "山田太郎", "山", "太郎 山田", "o'reily", "a b c"]
    )


numbers = of('""', "1", "2", "-1", "01", str(2**63 - 1), str(2**63 - 2), "")

KEYS: dict[Level, dict[str, Callable[[Maker], str]]] = {
    Level.STUDY: {
        "StudyDate": dates,
        "StudyTime": times,
        "AccessionNumber": texts,
        "ReferringPhysicianName": names,
        "PatientName": names,
        "PatientID": texts,
        "StudyID": texts,
        "StudyDescription": texts,
        "PatientBirthDate": dates,
        "OtherPatientNames": names,
        "AdmittingDiagnosesDescription": texts,
        "ModalitiesInStudy": of('""', "MR\\CT", "CT", "MR", "ct", "C*", "CT,MR", "CT\\XX", "?T"),
        "StudyInstanceUID": of('""', "2.1", "2.1,2.2", "2.9"),
        "NumberOfStudyRelatedSeries": of("1", "2"),
        "NumberOfStudyRelatedInstances": of("1", "2", "3"),
        "InstanceAvailability": of("ONLINE", "OFF*"),
    },
    Level.SERIES: {
        "Modality": of("CT", "MR", "ct", "C*", "CT,MR", "*T"),
        "SeriesNumber": numbers,
        "PerformedProcedureStepStartDate": dates,
        "PerformedProcedureStepStartTime": times,
        "RequestAttributesSequence.ScheduledProcedureStepID": texts,
        "RequestAttributesSequence.RequestedProcedureID": texts,
        "RequestAttributesSequence.ScheduledProcedureStepDescription": texts,
        "NumberOfSeriesRelatedInstances": of("1", "2"),
    },
    Level.INSTANCE: {
        "SOPClassUID": of(CT, MR, f"{CT},{MR}"),
        "SOPInstanceUID": of("2.1.0.0", "2.1.0.0\\2.2.0.0"),
        "InstanceNumber": numbers,
        "AcquisitionDateTime": of("20060705", "2006-2007", "20060705090000+0000", "-2005"),
        "SliceThickness": numbers,
        "Rows": of("1", "2"),
        "AvailableTransferSyntaxUID": of("1.2.840.10008.1.2.1", "1.2.840.10008.1.2"),
    },
}


# What was declared, and rows that migrations put there.
LASTING = {"search_attributes", "study_locks", "schema_compatibility", "log_positions"}
DECLARED = (
    *("StudyDescription", "PatientBirthDate", "OtherPatientNames", "AdmittingDiagnosesDescription", "SliceThickness"),
    *("RequestAttributesSequence.ScheduledProcedureStepDescription", "Rows"),
)


@pytest.fixture(scope="module", params=[(), DECLARED], ids=["nothing declared", "declared"])
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, backend: Backend
) -> Iterator[SqlIndex]:
    path: Path = tmp_path_factory.mktemp("index") / "index.db"
    kept_in = backend.fresh_settings()
    opened = open_index(kept_in.get("database", f"sqlite:///{path}"), search_attributes=request.param)
    yield opened
    opened.close()
    backend.discard(kept_in)


def fill(index: SqlIndex, archive: list[Any]) -> dict[Level, dict[str, dict[str, Any]]]:
    """Store an archive; returns what each entity is, as a data set, by its own UID."""
    index._database.write(
        lambda connection: [
            connection.execute(delete(table)) for table in metadata.sorted_tables if table.name not in LASTING
        ]
    )
    entities: dict[Level, dict[str, dict[str, Any]]] = {level: {} for level in LEVELS}
    candidates: list[Candidate] = []
    for number, (study, series) in enumerate(archive, 1):
        study_uid = f"2.{number}"
        firsts = [
            [value.strip(" ") for value in own.get("00080060", {}).get("Value", []) if value][:1] for own, _ in series
        ]
        modalities = sorted({modality for first in firsts for modality in first})
        whole_study = {
            **study,
            "0020000D": {"vr": "UI", "Value": [study_uid]},
            "00080056": {"vr": "CS", "Value": ["ONLINE"]},
            "00201206": {"vr": "IS", "Value": [len(series)]},
            "00201208": {"vr": "IS", "Value": [sum(len(members) for _, members in series)]},
        }
        if modalities:
            whole_study["00080061"] = {"vr": "CS", "Value": modalities}
        entities[Level.STUDY][study_uid] = whole_study
        for place, (own, members) in enumerate(series):
            series_uid = f"{study_uid}.{place}"
            whole_series = {
                **whole_study,
                **own,
                "0020000E": {"vr": "UI", "Value": [series_uid]},
                "00201209": {"vr": "IS", "Value": [len(members)]},
            }
            entities[Level.SERIES][series_uid] = whole_series
            for last, instance in enumerate(members):
                sop_uid = f"{series_uid}.{last}"
                sop_class = MR if last else CT
                identity = {
                    "00080016": {"vr": "UI", "Value": [sop_class]},
                    "00080018": {"vr": "UI", "Value": [sop_uid]},
                    "0020000D": {"vr": "UI", "Value": [study_uid]},
                    "0020000E": {"vr": "UI", "Value": [series_uid]},
                }
                available = {"00083002": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}}
                entities[Level.INSTANCE][sop_uid] = {**whole_series, **instance, **identity, **available}
                digest = f"{len(candidates):064x}"
                blob = BlobRef(f"key{len(candidates)}", 1, digest)
                stored = {**study, **own, **instance, **identity}
                layout = Layout(0, deflated=False, pixel=None, bulk=(), spans=b"")
                candidates.append(
                    Candidate(study_uid, series_uid, sop_uid, sop_class, "1.2.840.10008.1.2", blob, stored, layout)
                )
    index.store(candidates, DuplicatePolicy.REJECT)
    return entities


def uids(level: Level, page: Any) -> list[str]:
    name = {Level.STUDY: "study_uid", Level.SERIES: "series_uid", Level.INSTANCE: "sop_uid"}[level]
    return [getattr(match, name) for match in page.matches]


@settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_the_index_finds_what_matching_says(index: SqlIndex, seed: int) -> None:
    maker = Maker(seed)
    entities = fill(index, maker.archive())
    for _ in range(50):
        level, text = maker.search()
        try:
            query = parse_search(level, ResourceRef(), text)
        except BadRequest:
            continue
        expected = {uid for uid, whole in entities[level].items() if matches_all(whole, query.keys)}
        everything = index.search(query)
        found = uids(level, everything)
        assert set(found) == expected, (text, [entities[level][uid] for uid in set(found) ^ expected])
        assert len(found) == len(expected)
        assert everything.remaining == 0
        limit, offset = maker.random.randint(0, 4), maker.random.randint(0, 4)
        part = index.search(SearchQuery(level, ResourceRef(), keys=query.keys, limit=limit, offset=offset))
        assert uids(level, part) == found[offset : offset + limit]
        assert part.remaining == max(0, len(found) - offset - limit)
