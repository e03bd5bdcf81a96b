"""A small whole slide image: levels of JPEG tiles with everything that readers of slides look for."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage, generate_uid

if TYPE_CHECKING:
    from numpy.typing import NDArray

TILE = 64
SPACING = 0.0005  # millimetres of a pixel of the lowest level


@cache
def picture(level: int = 0) -> NDArray[np.uint8]:
    """What is on the slide, 320 x 256 at level 0: smooth, as JPEG likes it, and different everywhere."""
    rows, columns = np.mgrid[0:256, 0:320].astype(np.float64)
    step = 2**level
    channels = (columns * 255 / 319, rows * 255 / 255, 127 + 100 * np.sin(columns / 40) * np.cos(rows / 40))
    whole = np.stack([channel[::step, ::step] for channel in channels], axis=-1)
    return whole.round().astype(np.uint8)


def slide(levels: int = 2, profile: bytes | None = None) -> list[bytes]:
    """Part 10 files of the levels of one new slide, lowest first; `profile` is an ICC profile, else a small one."""
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PyramidUID")
    uids = {keyword: generate_uid() for keyword in keywords}
    return [_level(level, uids, small_profile() if profile is None else profile) for level in range(levels)]


@cache
def small_profile() -> bytes:
    """An sRGB profile of less than 1 KiB."""
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tiles(level: int = 0) -> list[bytes]:
    """The JPEG stream of every tile, row by row; what a tile has beyond the picture repeats its edge."""
    import imagecodecs

    whole = picture(level)
    below, beside = (-size % TILE for size in whole.shape[:2])
    padded = np.pad(whole, ((0, below), (0, beside), (0, 0)), mode="edge")
    return [
        imagecodecs.jpeg8_encode(
            np.ascontiguousarray(padded[row : row + TILE, column : column + TILE]),
            level=95,
            colorspace="RGB",
            outcolorspace="YCBCR",
            subsampling="422",
        )
        for row in range(0, padded.shape[0], TILE)
        for column in range(0, padded.shape[1], TILE)
    ]


def _item(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _level(level: int, uids: dict[str, str], profile: bytes) -> bytes:
    frames = tiles(level)
    dataset = _image(level, len(frames), profile)
    for keyword, value in uids.items():
        setattr(dataset, keyword, value)
    dataset.SOPInstanceUID = generate_uid()
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _image(level: int, frames: int, profile: bytes) -> Dataset:
    height, width = picture(level).shape[:2]
    spacing = SPACING * 2**level
    path = _item(
        OpticalPathIdentifier="0",
        OpticalPathDescription="Brightfield",
        IlluminationTypeCodeSequence=[_code("111744", "DCM", "Brightfield illumination")],
        IlluminationColorCodeSequence=[_code("371251000", "SCT", "White color")],
        ICCProfile=profile,
    )
    measures = _item(PixelSpacing=[spacing, spacing], SliceThickness=0.001, SpacingBetweenSlices=0.001)
    shared = _item(
        PixelMeasuresSequence=[measures],
        WholeSlideMicroscopyImageFrameTypeSequence=[_item(FrameType=_image_type(level))],
        OpticalPathIdentificationSequence=[_item(OpticalPathIdentifier="0")],
    )
    return _item(
        SOPClassUID=VLWholeSlideMicroscopyImageStorage, SpecificCharacterSet="ISO_IR 192",
        ImageType=_image_type(level), Modality="SM", PatientName="Slide^Test", PatientID="SM1", PatientSex="O",
        PatientBirthDate="", StudyDate="20260105", StudyTime="120000", ContentDate="20260105", ContentTime="120000",
        AcquisitionDateTime="20260105120000", AccessionNumber="", StudyID="1", SeriesNumber=1, InstanceNumber=level + 1,
        ReferringPhysicianName="", Manufacturer="Filmjacket tests", ManufacturerModelName="none",
        DeviceSerialNumber="1", SoftwareVersions="1", PositionReferenceIndicator="SLIDE_CORNER",
        ContainerIdentifier="S-1", IssuerOfTheContainerIdentifierSequence=[],
        ContainerTypeCodeSequence=[_code("433466003", "SCT", "Microscope slide")], AcquisitionContextSequence=[],
        SpecimenDescriptionSequence=[
            _item(
                SpecimenIdentifier="S-1-A", SpecimenUID=generate_uid(), IssuerOfTheSpecimenIdentifierSequence=[],
                SpecimenPreparationSequence=[],
            )
        ],
        VolumetricProperties="VOLUME", ImagedVolumeWidth=width * spacing, ImagedVolumeHeight=height * spacing,
        ImagedVolumeDepth=1.0, TotalPixelMatrixColumns=width, TotalPixelMatrixRows=height,
        TotalPixelMatrixFocalPlanes=1, NumberOfOpticalPaths=1, SpecimenLabelInImage="NO", BurnedInAnnotation="NO",
        FocusMethod="AUTO", ExtendedDepthOfField="NO", ImageOrientationSlide=[0, -1, 0, -1, 0, 0],
        TotalPixelMatrixOriginSequence=[
            _item(XOffsetInSlideCoordinateSystem=20.0, YOffsetInSlideCoordinateSystem=40.0)
        ],
        DimensionOrganizationType="TILED_FULL", OpticalPathSequence=[path], SharedFunctionalGroupsSequence=[shared],
        SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=0, NumberOfFrames=frames,
        Rows=TILE, Columns=TILE, BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0,
        LossyImageCompression="01", LossyImageCompressionRatio=10, LossyImageCompressionMethod="ISO_10918_1",
    )  # fmt: skip


def _image_type(level: int) -> list[str]:
    return ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"] if level == 0 else ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]
