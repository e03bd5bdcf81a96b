"""PS3.18 12.6: Search of the Non-Patient Instance service, every key of the search tables of PS3.4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from tests.non_patient import (
    APPROVAL,
    ASSEMBLY,
    CATEGORY_OF,
    COLOR_PALETTE,
    CT_PROTOCOL,
    GROUP,
    HANGING_PROTOCOL,
    IMPLANT,
    INVENTORY,
    XA_PROTOCOL,
    file_of,
)

from filmjacket.app import create_app
from filmjacket.dicom import dictionary
from filmjacket.settings import Settings
from filmjacket.web.non_patient_tables import TABLES, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "/dicom-web"
UIDS = {sop_class: f"1.2.826.0.1.99.{number}" for number, sop_class in enumerate(sorted(CATEGORY_OF), 1)}

BLANK: dict[str, dict[str, Any]] = {
    COLOR_PALETTE: {"ContentLabel": "GREY", "ContentDescription": None, "ContentCreatorName": None},
    HANGING_PROTOCOL: {
        "HangingProtocolName": "Other",
        "HangingProtocolLevel": "USER_GROUP",
        "HangingProtocolDefinitionSequence": None,
        "NumberOfPriorsReferenced": 0,
        "HangingProtocolUserIdentificationCodeSequence": None,
        "HangingProtocolUserGroupName": None,
        "NumberOfScreens": None,
    },
}
"""A second object of a category, which no key of the first one matches."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data=tmp_path_factory.mktemp("non-patient") / "archive")
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        client.headers["Accept"] = "*/*"
        files = [(sop_class, file_of(sop_class, uid)) for sop_class, uid in UIDS.items()]
        files += [
            (sop_class, file_of(sop_class, f"1.2.826.0.1.98.{n}", **changes))
            for n, (sop_class, changes) in enumerate(BLANK.items())
        ]
        for sop_class, file in files:
            response = client.post(
                f"{BASE}/{CATEGORY_OF[sop_class]}", content=file, headers={"Content-Type": "application/dicom"}
            )
            assert response.status_code == 200, response.text
        yield client


def found(client: TestClient, sop_class: str, query: str) -> set[str]:
    response = client.get(f"{BASE}/{CATEGORY_OF[sop_class]}?{query}")
    assert response.status_code == 200, response.text
    return {match["00080018"]["Value"][0] for match in response.json()}


BOTH_PROTOCOLS = {UIDS[CT_PROTOCOL], UIDS[XA_PROTOCOL]}
CASES: list[tuple[str, str, str, str]] = [
    # class, key, a value that matches, one that does not
    (COLOR_PALETTE, "ContentLabel", "HOT*", "COLD*"),
    (COLOR_PALETTE, "ContentLabel", "HOT_IRON", "hot_iron"),
    (HANGING_PROTOCOL, "HangingProtocolName", "Mammo?2x2", "Mammo"),
    (HANGING_PROTOCOL, "HangingProtocolLevel", "SITE", "MANUFACTURER"),
    (HANGING_PROTOCOL, "HangingProtocolDefinitionSequence.Modality", "MG", "CT"),
    (HANGING_PROTOCOL, "HangingProtocolDefinitionSequence.AnatomicRegionSequence.CodeValue", "76752008", "1"),
    (HANGING_PROTOCOL, "HangingProtocolDefinitionSequence.Laterality", "R", "B"),
    (HANGING_PROTOCOL, "HangingProtocolDefinitionSequence.ProcedureCodeSequence.CodeValue", "24606-6", "1"),
    (HANGING_PROTOCOL, "0072000C.0040100A.00080100", "R1", "R2"),
    (HANGING_PROTOCOL, "NumberOfPriorsReferenced", "1", "2"),
    (HANGING_PROTOCOL, "HangingProtocolUserIdentificationCodeSequence.CodeValue", "U1", "U2"),
    (HANGING_PROTOCOL, "HangingProtocolUserGroupName", "Breast*", "Chest*"),
    (HANGING_PROTOCOL, "NumberOfScreens", "2", "4"),
    (CT_PROTOCOL, "CustodialOrganizationSequence.InstitutionName", "Saint*", "Other"),
    (CT_PROTOCOL, "CustodialOrganizationSequence.InstitutionCodeSequence.CodeValue", "I1", "I2"),
    (CT_PROTOCOL, "ResponsibleGroupCodeSequence.CodeValue", "RG", "X"),
    (CT_PROTOCOL, "ProtocolName", "Head*", "Foot*"),
    (CT_PROTOCOL, "PotentialScheduledProtocolCodeSequence.CodeValue", "SP", "X"),
    (CT_PROTOCOL, "PotentialRequestedProcedureCodeSequence.CodeValue", "RP", "X"),
    (CT_PROTOCOL, "PotentialReasonsForProcedureCodeSequence.CodeValue", "RS", "X"),
    (CT_PROTOCOL, "PredecessorProtocolSequence.ReferencedSOPInstanceUID", "1.2.3.4.5,1.9", "1.2.9"),
    (CT_PROTOCOL, "PredecessorProtocolSequence.ReferencedSOPClassUID", CT_PROTOCOL, XA_PROTOCOL),
    (CT_PROTOCOL, "ContentCreatorName", "maker^protocol", "Nobody"),
    (CT_PROTOCOL, "InstanceCreationDate", "20240101-20241231", "20250101-"),
    (CT_PROTOCOL, "InstanceCreationTime", "1000-1030", "1100-1200"),
    (CT_PROTOCOL, "ClinicalTrialSponsorName", "Sponsor", "X"),
    (CT_PROTOCOL, "ClinicalTrialProtocolID", "TRIAL7", "X"),
    (CT_PROTOCOL, "EquipmentModality", "CT", "XA"),
    (CT_PROTOCOL, "ModelSpecificationSequence.Manufacturer", "ACME", "X"),
    (CT_PROTOCOL, "ModelSpecificationSequence.ManufacturerRelatedModelGroup", "Group A", "X"),
    (CT_PROTOCOL, "ModelSpecificationSequence.ManufacturerModelName", "Fast*", "X"),
    (CT_PROTOCOL, "ModelSpecificationSequence.SoftwareVersions", "1.0", "2.0"),
    (CT_PROTOCOL, "AnatomicRegionSequence.CodeValue", "69536005", "1"),
    (CT_PROTOCOL, "PrimaryAnatomicStructureSequence.CodeValue", "12738006", "1"),
    (IMPLANT, "Manufacturer", "ACME", "X"),
    (IMPLANT, "ImplantName", "Hip*", "Knee*"),
    (IMPLANT, "ImplantSize", "12", "13"),
    (IMPLANT, "ImplantPartNumber", "P-12", "P-13"),
    (IMPLANT, "ReplacedImplantTemplateSequence.ReferencedSOPInstanceUID", "1.2.3.1", "1.2.3.9"),
    (IMPLANT, "DerivationImplantTemplateSequence.ReferencedSOPInstanceUID", "1.2.3.2", "1.2.3.9"),
    (IMPLANT, "OriginalImplantTemplateSequence.ReferencedSOPInstanceUID", "1.2.3.3", "1.2.3.9"),
    (IMPLANT, "EffectiveDateTime", "2023-2023", "2024-"),
    (IMPLANT, "ImplantTargetAnatomySequence.AnatomicRegionSequence.CodeValue", "29836001", "1"),
    (IMPLANT, "ImplantRegulatoryDisapprovalCodeSequence.CodeValue", "DIS", "X"),
    (IMPLANT, "MaterialsCodeSequence.CodeValue", "TI", "X"),
    (IMPLANT, "CoatingMaterialsCodeSequence.CodeValue", "HA", "X"),
    (ASSEMBLY, "ImplantAssemblyTemplateName", "Total*", "X"),
    (ASSEMBLY, "Manufacturer", "ACME", "X"),
    (ASSEMBLY, "ProcedureTypeCodeSequence.CodeValue", "THR", "X"),
    (ASSEMBLY, "ReplacedImplantAssemblyTemplateSequence.ReferencedSOPInstanceUID", "1.2.3.4", "1.2.3.9"),
    (ASSEMBLY, "OriginalImplantAssemblyTemplateSequence.ReferencedSOPInstanceUID", "1.2.3.5", "1.2.3.9"),
    (ASSEMBLY, "DerivationImplantAssemblyTemplateSequence.ReferencedSOPInstanceUID", "1.2.3.6", "1.2.3.9"),
    (ASSEMBLY, "SurgicalTechnique", "Posterior*", "X"),
    (GROUP, "ImplantTemplateGroupName", "Hip family", "X"),
    (GROUP, "ImplantTemplateGroupIssuer", "ACME", "X"),
    (GROUP, "EffectiveDateTime", "20230701", "20230702"),
    (GROUP, "ReplacedImplantTemplateGroupSequence.ReferencedSOPInstanceUID", "1.2.3.7", "1.2.3.9"),
    (INVENTORY, "TransactionUID", "1.2.3.77", "1.2.3.78"),
    (INVENTORY, "ContentDate", "20250101", "20250102"),
    (INVENTORY, "ContentTime", "12-13", "13-14"),
    (INVENTORY, "InventoryPurpose", "Migration", "X"),
    (INVENTORY, "InventoryInstanceDescription", "Every*", "X"),
    (INVENTORY, "InventoryLevel", "STUDY", "SERIES"),
    (INVENTORY, "InventoryCompletionStatus", "COMPLETE", "PARTIAL"),
    (INVENTORY, "TotalNumberOfStudyRecords", "3", "4"),
    (APPROVAL, "InstanceCreationDate", "20240401", "20240402"),
    (APPROVAL, "InstanceCreationTime", "12", "13"),
    (APPROVAL, "ApprovalSubjectSequence.ReferencedSOPInstanceUID", "1.2.3.4.5", "1.2.3.9"),
    (APPROVAL, "ApprovalSubjectSequence.ReferencedSOPClassUID", CT_PROTOCOL, XA_PROTOCOL),
    (APPROVAL, "ApprovalSequence.AssertionCodeSequence.CodeValue", "128603", "1"),
    (APPROVAL, "ApprovalSequence.AsserterIdentificationSequence.PersonName", "chief*", "X"),
    (APPROVAL, "00440100.00440103.00401101.00080100", "P1", "P2"),
    (APPROVAL, "00440100.00440103.0044010A.00080100", "HEAD", "X"),
    (APPROVAL, "ApprovalSequence.AsserterIdentificationSequence.InstitutionName", "Saint Example", "X"),
    (APPROVAL, "ApprovalSequence.AssertionDateTime", "202404-202405", "2025-"),
    (APPROVAL, "ApprovalSequence.AssertionExpirationDateTime", "2030", "2031"),
    *((one, "SOPClassUID", one, "1.2.3") for one in sorted(CATEGORY_OF)),
    *((one, "SOPInstanceUID", f"{UIDS[one]},1.2.3", "1.2.3") for one in sorted(CATEGORY_OF)),
]


@pytest.mark.parametrize(("sop_class", "key", "matching", "other"), CASES)
def test_every_key_matches(shelf: TestClient, sop_class: str, key: str, matching: str, other: str) -> None:
    hits = found(shelf, sop_class, f"{key}={matching}")
    assert UIDS[sop_class] in hits
    assert key == "SOPClassUID" or hits <= set(UIDS.values())
    assert UIDS[sop_class] not in found(shelf, sop_class, f"{key}={other}")


def _tags(name: str) -> str:
    return ".".join(dictionary.tag_of(part) or part for part in name.split("."))


def test_the_cases_are_all_keys_of_the_tables() -> None:
    for table in TABLES:
        wanted = {".".join(row.path) for row in table.rows if row.matching}
        asked = {_tags(name) for one, name, _, _ in CASES if one in table.sop_classes}
        parents = {path for path in wanted if any(other.startswith(f"{path}.") for other in asked)}
        missing = {path for path in wanted - parents - asked if not any(name.startswith(path) for name in asked)}
        # Each of the sequences of references is asked for by its instances, one of them by classes too.
        assert {path for path in missing if not path.endswith("00081150")} == set(), table.title


@pytest.mark.parametrize("sop_class", sorted(CATEGORY_OF))
def test_return_attributes(shelf: TestClient, sop_class: str) -> None:
    (match,) = shelf.get(f"{BASE}/{CATEGORY_OF[sop_class]}?SOPInstanceUID={UIDS[sop_class]}").json()
    required = {row.path[0] for row in table_of(sop_class).rows if len(row.path) == 1 and row.returned in {"1", "2"}}
    assert required <= set(match)
    url = f"http://testserver:8104{BASE}/{CATEGORY_OF[sop_class]}/{UIDS[sop_class]}"
    assert match["00081190"] == {"vr": "UR", "Value": [url]}
    assert match["00080005"]["Value"] == ["ISO_IR 192"]


def test_types_1_and_2_are_returned_empty(shelf: TestClient) -> None:
    (match,) = shelf.get(f"{BASE}/hanging-protocols?HangingProtocolName=Other").json()
    assert match["0072000C"] == {"vr": "SQ"}
    assert match["00720100"] == {"vr": "US"}
    assert "00720010" not in match


def test_attributes_of_other_kinds_match_on_the_whole_data_set(shelf: TestClient) -> None:
    assert found(shelf, COLOR_PALETTE, "ContentCreatorName=Maker*") == {UIDS[COLOR_PALETTE]}
    descriptor = "RedPaletteColorLookupTableDescriptor=256"
    assert UIDS[COLOR_PALETTE] in found(shelf, COLOR_PALETTE, descriptor)
    assert found(shelf, HANGING_PROTOCOL, "NominalScreenDefinitionSequence.NumberOfVerticalPixels=2049") == set()


def test_items_must_satisfy_all_keys_together(shelf: TestClient) -> None:
    one = "HangingProtocolDefinitionSequence"
    assert found(shelf, HANGING_PROTOCOL, f"{one}.Modality=MG&{one}.Laterality=L") == {UIDS[HANGING_PROTOCOL]}
    assert found(shelf, HANGING_PROTOCOL, f"{one}.Modality=MG&{one}.Laterality=R") == set()


def test_dates_and_times_are_one_range(shelf: TestClient) -> None:
    query = "InstanceCreationDate=20240314-20240315&InstanceCreationTime={}"
    assert found(shelf, CT_PROTOCOL, query.format("1200-1100")) == BOTH_PROTOCOLS
    assert found(shelf, CT_PROTOCOL, query.format("1200-1000")) == set()


def test_flags(shelf: TestClient) -> None:
    assert found(shelf, CT_PROTOCOL, "ContentCreatorName=protocoll&fuzzymatching=true") == BOTH_PROTOCOLS
    empty = "emptyvaluematching=true&ContentCreatorName=%22%22"
    assert found(shelf, COLOR_PALETTE, empty) == {"1.2.826.0.1.98.0"}


def test_includefield(shelf: TestClient) -> None:
    path = f"{BASE}/color-palettes?SOPInstanceUID={UIDS[COLOR_PALETTE]}"
    tag = "00281199"
    assert tag not in shelf.get(path).json()[0]
    assert tag in shelf.get(f"{path}&includefield=PaletteColorLookupTableUID").json()[0]
    assert tag in shelf.get(f"{path}&includefield=all").json()[0]


def test_paging_and_counting(shelf: TestClient) -> None:
    path = f"{BASE}/implant-templates"
    every = [match["00080018"]["Value"][0] for match in shelf.get(path).json()]
    assert len(every) == 3
    pages = [shelf.get(f"{path}?limit=1&offset={number}") for number in range(4)]
    assert [match["00080018"]["Value"][0] for page in pages for match in page.json()] == every
    assert "There are 2 additional results that can be requested" in pages[0].headers["warning"]
    verified = shelf.get(f"{path}?limit=1&Manufacturer=ACME", headers={"Prefer": "count=exact"})
    assert "There are 1 additional results" in verified.headers["warning"]
    assert verified.headers["x-total-count"] == "2"


def test_xml_results(shelf: TestClient) -> None:
    response = shelf.get(f"{BASE}/inventories", headers={"Accept": 'multipart/related; type="application/dicom+xml"'})
    assert response.headers["content-type"].startswith("multipart/related")
    assert b"InventoryPurpose" in response.content


@pytest.mark.parametrize("query", ["limit=x", "NoSuchKeyword=1", "ContentLabel=A&ContentLabel=B", "SOPInstanceUID=*"])
def test_bad_queries(shelf: TestClient, query: str) -> None:
    assert shelf.get(f"{BASE}/color-palettes?{query}").status_code == 400


def test_no_matches_by_edition(make_client: Callable[..., TestClient]) -> None:
    assert make_client(edition="2024").get(f"{BASE}/inventories").status_code == 204
    assert make_client(edition="2026").get(f"{BASE}/inventories").json() == []
