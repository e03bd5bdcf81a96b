"""Non-patient objects for tests, one of each SOP class of PS3.18 chapter 12, with what the search tables name."""

from __future__ import annotations

import io
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

COLOR_PALETTE = "1.2.840.10008.5.1.4.39.1"
HANGING_PROTOCOL = "1.2.840.10008.5.1.4.38.1"
CT_PROTOCOL = "1.2.840.10008.5.1.4.1.1.200.1"
XA_PROTOCOL = "1.2.840.10008.5.1.4.1.1.200.7"
APPROVAL = "1.2.840.10008.5.1.4.1.1.200.3"
IMPLANT = "1.2.840.10008.5.1.4.43.1"
ASSEMBLY = "1.2.840.10008.5.1.4.44.1"
GROUP = "1.2.840.10008.5.1.4.45.1"
INVENTORY = "1.2.840.10008.5.1.4.1.1.201.1"
CATEGORY_OF = {
    COLOR_PALETTE: "color-palettes",
    HANGING_PROTOCOL: "hanging-protocols",
    CT_PROTOCOL: "defined-procedure-protocols",
    XA_PROTOCOL: "defined-procedure-protocols",
    APPROVAL: "protocol-approvals",
    IMPLANT: "implant-templates",
    ASSEMBLY: "implant-templates",
    GROUP: "implant-templates",
    INVENTORY: "inventories",
}


def code(value: str, scheme: str = "99FJ", meaning: str = "") -> Dataset:
    """One item of a code sequence."""
    return of(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning or value)


def reference(sop_class: str, uid: str) -> Dataset:
    """One item of a reference sequence."""
    return of(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)


def of(**attributes: Any) -> Dataset:
    """A data set of attributes; lists of data sets are sequences."""
    dataset = Dataset()
    for keyword, value in attributes.items():
        is_sequence = isinstance(value, list) and value and isinstance(value[0], Dataset)
        setattr(dataset, keyword, Sequence(value) if is_sequence else value)
    return dataset


def _palette() -> dict[str, Any]:
    table = {f"{name}PaletteColorLookupTableData": bytes(range(256)) for name in ("Red", "Green", "Blue")}
    descriptors = {f"{name}PaletteColorLookupTableDescriptor": [256, 0, 8] for name in ("Red", "Green", "Blue")}
    return {
        "ContentLabel": "HOT_IRON",
        "ContentDescription": "Hot iron",
        "ContentCreatorName": "Maker^Palette",
        "PaletteColorLookupTableUID": generate_uid(),
        **descriptors,
        **table,
    }


def _hanging_protocol() -> dict[str, Any]:
    definition = of(
        Modality="MG",
        AnatomicRegionSequence=[code("76752008", "SCT", "Breast")],
        Laterality="L",
        ProcedureCodeSequence=[code("24606-6", "LN", "Screening")],
        ReasonForRequestedProcedureCodeSequence=[code("R1")],
    )
    return {
        "HangingProtocolName": "Mammo 2x2",
        "HangingProtocolDescription": "Screening with priors",
        "HangingProtocolLevel": "SITE",
        "HangingProtocolCreator": "Maker^Protocol",
        "HangingProtocolCreationDateTime": "20240102030405",
        "HangingProtocolDefinitionSequence": [definition, of(Modality="US", Laterality="R")],
        "NumberOfPriorsReferenced": 1,
        "HangingProtocolUserIdentificationCodeSequence": [code("U1")],
        "HangingProtocolUserGroupName": "Breast team",
        "NumberOfScreens": 2,
        "NominalScreenDefinitionSequence": [of(NumberOfVerticalPixels=2048, NumberOfHorizontalPixels=1536)],
    }


def _protocol() -> dict[str, Any]:
    return {
        "InstanceCreationDate": "20240315",
        "InstanceCreationTime": "101500",
        "CustodialOrganizationSequence": [of(InstitutionName="Saint Example", InstitutionCodeSequence=[code("I1")])],
        "ResponsibleGroupCodeSequence": [code("RG")],
        "ProtocolName": "Head helical",
        "PotentialScheduledProtocolCodeSequence": [code("SP")],
        "PotentialRequestedProcedureCodeSequence": [code("RP")],
        "PotentialReasonsForProcedure": "Headache",
        "PotentialReasonsForProcedureCodeSequence": [code("RS")],
        "PotentialDiagnosticTasks": "Exclude bleeding",
        "PredecessorProtocolSequence": [reference(CT_PROTOCOL, "1.2.3.4.5")],
        "ContentCreatorName": "Maker^Protocol",
        "ClinicalTrialSponsorName": "Sponsor",
        "ClinicalTrialProtocolID": "TRIAL7",
        "EquipmentModality": "CT",
        "ModelSpecificationSequence": [
            of(
                Manufacturer="ACME",
                ManufacturerRelatedModelGroup="Group A",
                ManufacturerModelName="Fast 9",
                SoftwareVersions="1.0",
                DeviceSerialNumber="SN1",
            )
        ],
        "AnatomicRegionSequence": [code("69536005", "SCT", "Head")],
        "PrimaryAnatomicStructureSequence": [code("12738006", "SCT", "Brain")],
    }


def _implant() -> dict[str, Any]:
    return {
        "Manufacturer": "ACME",
        "ImplantName": "Hip stem",
        "ImplantSize": "12",
        "ImplantPartNumber": "P-12",
        "ReplacedImplantTemplateSequence": [reference(IMPLANT, "1.2.3.1")],
        "DerivationImplantTemplateSequence": [reference(IMPLANT, "1.2.3.2")],
        "OriginalImplantTemplateSequence": [reference(IMPLANT, "1.2.3.3")],
        "EffectiveDateTime": "20230601",
        "ImplantTargetAnatomySequence": [of(AnatomicRegionSequence=[code("29836001", "SCT", "Hip")])],
        "ImplantRegulatoryDisapprovalCodeSequence": [code("DIS")],
        "MaterialsCodeSequence": [code("TI")],
        "CoatingMaterialsCodeSequence": [code("HA")],
        "HPGLDocumentSequence": [of(HPGLDocument=b"IN;SP1;" * 400)],
    }


def _assembly() -> dict[str, Any]:
    return {
        "ImplantAssemblyTemplateName": "Total hip",
        "Manufacturer": "ACME",
        "ProcedureTypeCodeSequence": [code("THR")],
        "ReplacedImplantAssemblyTemplateSequence": [reference(ASSEMBLY, "1.2.3.4")],
        "OriginalImplantAssemblyTemplateSequence": [reference(ASSEMBLY, "1.2.3.5")],
        "DerivationImplantAssemblyTemplateSequence": [reference(ASSEMBLY, "1.2.3.6")],
        "SurgicalTechnique": "Posterior approach",
    }


def _group() -> dict[str, Any]:
    return {
        "ImplantTemplateGroupName": "Hip family",
        "ImplantTemplateGroupDescription": "All stems",
        "ImplantTemplateGroupIssuer": "ACME",
        "EffectiveDateTime": "20230701",
        "ReplacedImplantTemplateGroupSequence": [reference(GROUP, "1.2.3.7")],
    }


def _inventory() -> dict[str, Any]:
    return {
        "TransactionUID": "1.2.3.77",
        "ContentDate": "20250101",
        "ContentTime": "120000",
        "ScopeOfInventorySequence": [of(PatientID="")],
        "InventoryPurpose": "Migration",
        "InventoryInstanceDescription": "Everything",
        "InventoryLevel": "STUDY",
        "InventoryCompletionStatus": "COMPLETE",
        "TotalNumberOfStudyRecords": 3,
    }


def _approval() -> dict[str, Any]:
    asserter = of(
        PersonName="Chief^Anna",
        PersonIdentificationCodeSequence=[code("P1")],
        OrganizationalRoleCodeSequence=[code("HEAD")],
        InstitutionName="Saint Example",
    )
    approval = of(
        AssertionCodeSequence=[code("128603", "DCM", "Approved")],
        AsserterIdentificationSequence=[asserter],
        AssertionDateTime="20240401120000",
        AssertionExpirationDateTime="20300101",
    )
    return {
        "InstanceCreationDate": "20240401",
        "InstanceCreationTime": "120000",
        "ApprovalSubjectSequence": [reference(CT_PROTOCOL, "1.2.3.4.5")],
        "ApprovalSequence": [approval],
    }


CONTENT = {
    COLOR_PALETTE: _palette,
    HANGING_PROTOCOL: _hanging_protocol,
    CT_PROTOCOL: _protocol,
    XA_PROTOCOL: _protocol,
    APPROVAL: _approval,
    IMPLANT: _implant,
    ASSEMBLY: _assembly,
    GROUP: _group,
    INVENTORY: _inventory,
}


def file_of(sop_class: str, uid: str | None = None, *, syntax: str = ExplicitVRLittleEndian, **changes: Any) -> bytes:
    """A Part 10 file of a class; a change to None leaves an attribute out."""
    attributes = {"SpecificCharacterSet": "ISO_IR 192", **CONTENT[sop_class](), **changes}
    dataset = of(**{keyword: value for keyword, value in attributes.items() if value is not None})
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = uid or generate_uid()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
