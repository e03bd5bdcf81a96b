"""Which attributes belong to which level of the study tree (PS3.3 chapters A.1.2 and C.7; PS3.4 C.6.1.1).

Patient attributes are kept with the study: the Studies service of PS3.18 has no patient resource. What is in
neither table is an attribute of the instance. The tables hold tags, so that this file imports nothing.
"""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """A level of the study tree; the Studies service searches on these three (PS3.18 Table 10.6.1-1)."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


PATIENT_STUDY_TAGS: frozenset[str] = frozenset(
    {
        # Patient Module, PS3.3 C.7.1.1
        "00100010",  # PatientName
        "00100020",  # PatientID
        "00100021",  # IssuerOfPatientID
        "00100024",  # IssuerOfPatientIDQualifiersSequence
        "00100022",  # TypeOfPatientID
        "00100030",  # PatientBirthDate
        "00100033",  # PatientBirthDateInAlternativeCalendar
        "00100034",  # PatientDeathDateInAlternativeCalendar
        "00100035",  # PatientAlternativeCalendar
        "00100040",  # PatientSex
        "00100011",  # PersonNamesToUseSequence
        "00100014",  # ThirdPersonPronounsSequence
        "00100041",  # GenderIdentitySequence
        "00100043",  # SexParametersForClinicalUseCategorySequence
        "00101100",  # ReferencedPatientPhotoSequence
        "00100200",  # QualityControlSubject
        "00081120",  # ReferencedPatientSequence
        "00100032",  # PatientBirthTime
        "00101000",  # OtherPatientIDs
        "00101002",  # OtherPatientIDsSequence
        "00101001",  # OtherPatientNames
        "00102160",  # EthnicGroup
        "00102161",  # EthnicGroupCodeSequence
        "00102162",  # EthnicGroups
        "00104000",  # PatientComments
        "00102201",  # PatientSpeciesDescription
        "00102202",  # PatientSpeciesCodeSequence
        "00102292",  # PatientBreedDescription
        "00102293",  # PatientBreedCodeSequence
        "00102294",  # BreedRegistrationSequence
        "00100212",  # StrainDescription
        "00100213",  # StrainNomenclature
        "00100219",  # StrainCodeSequence
        "00100218",  # StrainAdditionalInformation
        "00100216",  # StrainStockSequence
        "00100221",  # GeneticModificationsSequence
        "00102297",  # ResponsiblePerson
        "00102298",  # ResponsiblePersonRole
        "00102299",  # ResponsibleOrganization
        "00120062",  # PatientIdentityRemoved
        "00120063",  # DeidentificationMethod
        "00120064",  # DeidentificationMethodCodeSequence
        "00100026",  # SourcePatientGroupIdentificationSequence
        "00100027",  # GroupOfPatientsIdentificationSequence
        "00101005",  # PatientBirthName
        "00101060",  # PatientMotherBirthName
        "00101040",  # PatientAddress
        "00102154",  # PatientTelephoneNumbers
        "00102155",  # PatientTelecomInformation
        "00102150",  # CountryOfResidence
        "00102152",  # RegionOfResidence
        "001021F0",  # PatientReligiousPreference
        "00100101",  # PatientPrimaryLanguageCodeSequence
        "00101080",  # MilitaryRank
        "00101081",  # BranchOfService
        "00403001",  # ConfidentialityConstraintOnPatientDataDescription
        # Clinical Trial Subject Module, C.7.1.3
        "00120010",  # ClinicalTrialSponsorName
        "00120020",  # ClinicalTrialProtocolID
        "00120021",  # ClinicalTrialProtocolName
        "00120022",  # IssuerOfClinicalTrialProtocolID
        "00120023",  # OtherClinicalTrialProtocolIDsSequence
        "00120030",  # ClinicalTrialSiteID
        "00120031",  # ClinicalTrialSiteName
        "00120032",  # IssuerOfClinicalTrialSiteID
        "00120040",  # ClinicalTrialSubjectID
        "00120041",  # IssuerOfClinicalTrialSubjectID
        "00120042",  # ClinicalTrialSubjectReadingID
        "00120043",  # IssuerOfClinicalTrialSubjectReadingID
        "00120081",  # ClinicalTrialProtocolEthicsCommitteeName
        "00120082",  # ClinicalTrialProtocolEthicsCommitteeApprovalNumber
        # General Study Module, C.7.2.1
        "0020000D",  # StudyInstanceUID
        "00080020",  # StudyDate
        "00080030",  # StudyTime
        "00080090",  # ReferringPhysicianName
        "00080096",  # ReferringPhysicianIdentificationSequence
        "0008009C",  # ConsultingPhysicianName
        "0008009D",  # ConsultingPhysicianIdentificationSequence
        "00200010",  # StudyID
        "00080050",  # AccessionNumber
        "00080051",  # IssuerOfAccessionNumberSequence
        "00081030",  # StudyDescription
        "00081048",  # PhysiciansOfRecord
        "00081049",  # PhysiciansOfRecordIdentificationSequence
        "00081060",  # NameOfPhysiciansReadingStudy
        "00081062",  # PhysiciansReadingStudyIdentificationSequence
        "00321034",  # RequestingServiceCodeSequence
        "00321033",  # RequestingService
        "00081110",  # ReferencedStudySequence
        "00081032",  # ProcedureCodeSequence
        "00401012",  # ReasonForPerformedProcedureCodeSequence
        # Patient Study Module, C.7.2.2
        "00081080",  # AdmittingDiagnosesDescription
        "00081084",  # AdmittingDiagnosesCodeSequence
        "00101010",  # PatientAge
        "00101020",  # PatientSize
        "00101030",  # PatientWeight
        "00101022",  # PatientBodyMassIndex
        "00101023",  # MeasuredAPDimension
        "00101024",  # MeasuredLateralDimension
        "00101021",  # PatientSizeCodeSequence
        "00102000",  # MedicalAlerts
        "00102110",  # Allergies
        "001021A0",  # SmokingStatus
        "001021C0",  # PregnancyStatus
        "001021D0",  # LastMenstrualDate
        "00380500",  # PatientState
        "00102180",  # Occupation
        "001021B0",  # AdditionalPatientHistory
        "00380010",  # AdmissionID
        "00380014",  # IssuerOfAdmissionIDSequence
        "00380060",  # ServiceEpisodeID
        "00380064",  # IssuerOfServiceEpisodeIDSequence
        "00380062",  # ServiceEpisodeDescription
        "00102203",  # PatientSexNeutered
        "00321066",  # ReasonForVisit
        "00321067",  # ReasonForVisitCodeSequence
        "00380300",  # CurrentPatientLocation
        # Clinical Trial Study Module, C.7.2.3
        "00120050",  # ClinicalTrialTimePointID
        "00120055",  # IssuerOfClinicalTrialTimePointID
        "00120051",  # ClinicalTrialTimePointDescription
        "00120052",  # LongitudinalTemporalOffsetFromEvent
        "00120053",  # LongitudinalTemporalEventType
        "00120054",  # ClinicalTrialTimePointTypeCodeSequence
        "00120083",  # ConsentForClinicalTrialUseSequence
        # Computed by the archive, PS3.4 Tables C.3-1 and C.6-2
        "00080061",  # ModalitiesInStudy
        "00080062",  # SOPClassesInStudy
        "00080063",  # AnatomicRegionsInStudyCodeSequence
        "00201200",  # NumberOfPatientRelatedStudies
        "00201202",  # NumberOfPatientRelatedSeries
        "00201204",  # NumberOfPatientRelatedInstances
        "00201206",  # NumberOfStudyRelatedSeries
        "00201208",  # NumberOfStudyRelatedInstances
    }
)

SERIES_TAGS: frozenset[str] = frozenset(
    {
        # General Series Module, C.7.3.1
        "00080060",  # Modality
        "0020000E",  # SeriesInstanceUID
        "00200011",  # SeriesNumber
        "00200060",  # Laterality
        "00080021",  # SeriesDate
        "00080031",  # SeriesTime
        "00081050",  # PerformingPhysicianName
        "00081052",  # PerformingPhysicianIdentificationSequence
        "00181030",  # ProtocolName
        "0018990C",  # ReferencedDefinedProtocolSequence
        "0018990D",  # ReferencedPerformedProtocolSequence
        "0008103E",  # SeriesDescription
        "0008103F",  # SeriesDescriptionCodeSequence
        "00081070",  # OperatorsName
        "00081072",  # OperatorIdentificationSequence
        "00081111",  # ReferencedPerformedProcedureStepSequence
        "00081250",  # RelatedSeriesSequence
        "00180015",  # BodyPartExamined
        "00185100",  # PatientPosition
        "00280108",  # SmallestPixelValueInSeries
        "00280109",  # LargestPixelValueInSeries
        "00400275",  # RequestAttributesSequence
        "00400253",  # PerformedProcedureStepID
        "00400244",  # PerformedProcedureStepStartDate
        "00400245",  # PerformedProcedureStepStartTime
        "00400250",  # PerformedProcedureStepEndDate
        "00400251",  # PerformedProcedureStepEndTime
        "00400254",  # PerformedProcedureStepDescription
        "00400260",  # PerformedProtocolCodeSequence
        "00400280",  # CommentsOnThePerformedProcedureStep
        "00102210",  # AnatomicalOrientationType
        "300A0700",  # TreatmentSessionUID
        # Clinical Trial Series Module, C.7.3.2
        "00120060",  # ClinicalTrialCoordinatingCenterName
        "00120071",  # ClinicalTrialSeriesID
        "00120073",  # IssuerOfClinicalTrialSeriesID
        "00120072",  # ClinicalTrialSeriesDescription
        # General Equipment Module, C.7.5.1
        "00080070",  # Manufacturer
        "00080080",  # InstitutionName
        "00080081",  # InstitutionAddress
        "00081010",  # StationName
        "00081040",  # InstitutionalDepartmentName
        "00081041",  # InstitutionalDepartmentTypeCodeSequence
        "00081090",  # ManufacturerModelName
        "0018100B",  # ManufacturerDeviceClassUID
        "00181000",  # DeviceSerialNumber
        "00181020",  # SoftwareVersions
        "00181008",  # GantryID
        "0018100A",  # UDISequence
        "00181002",  # DeviceUID
        "00181204",  # DateOfManufacture
        "00181205",  # DateOfInstallation
        "00181050",  # SpatialResolution
        "00181200",  # DateOfLastCalibration
        "00181201",  # TimeOfLastCalibration
        # Frame of Reference Module, C.7.4.1 (one for a series, A.1.2.5)
        "00200052",  # FrameOfReferenceUID
        "00201040",  # PositionReferenceIndicator
        # Computed by the archive, PS3.4 Table C.6-3
        "00201209",  # NumberOfSeriesRelatedInstances
    }
)


def level_of(tag: str) -> Level:
    """Return the level at which an attribute is constant and may be matched."""
    if tag in PATIENT_STUDY_TAGS:
        return Level.STUDY
    if tag in SERIES_TAGS:
        return Level.SERIES
    return Level.INSTANCE
