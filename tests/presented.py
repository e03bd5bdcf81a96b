"""Builds images and what is shown over them: presentation states, segmentations, maps, structure sets."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

if TYPE_CHECKING:
    from numpy.typing import NDArray

STORAGE = "1.2.840.10008.5.1.4.1.1."
CT = STORAGE + "2"
SECONDARY_CAPTURE = STORAGE + "7"
MULTI_FRAME = STORAGE + "7.3"
GRAYSCALE, COLOR, PSEUDO_COLOR, BLENDING, XA = (STORAGE + f"11.{n}" for n in (1, 2, 3, 4, 5))
SEGMENTATION, LABEL_MAP = STORAGE + "66.4", STORAGE + "66.7"
PARAMETRIC_MAP = STORAGE + "30"
STRUCTURE_SET = STORAGE + "481.3"
FRAME_OF_REFERENCE = "1.2.826.0.1.3680043.8.498.77"


def item(**attributes: object) -> Dataset:
    """An item of a sequence; lists of items become sequences."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, Sequence(value) if _is_items(value) else value)
    return made


def instance(sop_class: str, study: str, **attributes: object) -> Dataset:
    """A data set of its own series."""
    made = item(**attributes)
    made.SOPClassUID = sop_class
    made.StudyInstanceUID = study
    for keyword, value in (("SOPInstanceUID", generate_uid()), ("SeriesInstanceUID", generate_uid())):
        if keyword not in made:
            setattr(made, keyword, value)
    made.PatientID = "P"
    return made


def file_of(dataset: Dataset) -> bytes:
    """The Part 10 file of a data set."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def image(array: NDArray[np.generic], study: str, sop_class: str = CT, **attributes: object) -> Dataset:
    """An image of uint8 or uint16, (rows, columns), (frames, rows, columns), or (rows, columns, 3)."""
    colour = array.shape[-1] == 3
    made = instance(sop_class, study, **attributes)
    made.Rows, made.Columns = array.shape[:2] if colour else array.shape[-2:]
    made.SamplesPerPixel = 3 if colour else 1
    if colour:
        made.PlanarConfiguration = 0
    if array.ndim == 3 and not colour:
        made.NumberOfFrames = len(array)
    if "PhotometricInterpretation" not in made:
        made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if array.dtype.kind == "f":
        made.BitsAllocated = 32
        made.FloatPixelData = array.astype("<f4").tobytes()
        return made
    bits = 1 if array.dtype == np.bool_ else 8 * array.dtype.itemsize
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit, made.PixelRepresentation = bits - 1, 0
    raw = np.packbits(array.reshape(-1), bitorder="little").tobytes() if bits == 1 else array.tobytes()
    made.PixelData = raw + bytes(len(raw) % 2)
    made["PixelData"].VR = "OW" if bits == 16 else "OB"
    return made


def at(
    z: float, spacing: float = 1.0, corner: tuple[float, float] = (0.0, 0.0), **attributes: object
) -> dict[str, object]:
    """Attributes of an axial slice."""
    return {
        "FrameOfReferenceUID": FRAME_OF_REFERENCE,
        "ImagePositionPatient": [*corner, z],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [spacing, spacing],
        "SliceThickness": 2,
        **attributes,
    }


def reference(dataset: Dataset, *frames: int) -> Dataset:
    """An item of Referenced Image Sequence."""
    made = item(ReferencedSOPClassUID=dataset.SOPClassUID, ReferencedSOPInstanceUID=dataset.SOPInstanceUID)
    if frames:
        made.ReferencedFrameNumber = list(frames)
    return made


def referenced_series(*images: Dataset | tuple[Dataset, tuple[int, ...]]) -> list[Dataset]:
    """Referenced Series Sequence with Referenced Image Sequence."""
    pairs = [pair if isinstance(pair, tuple) else (pair, ()) for pair in images]
    return [
        item(SeriesInstanceUID=dataset.SeriesInstanceUID, ReferencedImageSequence=[reference(dataset, *frames)])
        for dataset, frames in pairs
    ]


def state(sop_class: str, *images: Dataset | tuple[Dataset, tuple[int, ...]], **attributes: object) -> Dataset:
    """A presentation state of images of one study."""
    first = images[0][0] if isinstance(images[0], tuple) else images[0]
    return instance(
        sop_class, first.StudyInstanceUID, **{"ReferencedSeriesSequence": referenced_series(*images), **attributes}
    )


def segmentation(
    frames: NDArray[np.generic], study: str, per_frame: list[Dataset], kind: str = "BINARY", **attributes: object
) -> Dataset:
    """A segmentation with a functional group item for each frame."""
    sop_class = LABEL_MAP if kind == "LABELMAP" else SEGMENTATION
    return image(
        frames,
        study,
        sop_class,
        **{
            "SegmentationType": kind,
            "FrameOfReferenceUID": FRAME_OF_REFERENCE,
            "PerFrameFunctionalGroupsSequence": per_frame,
            **attributes,
        },
    )


def group(
    source: Dataset | None = None, z: float | None = None, segment: int | None = 1, spacing: float = 1.0, frame: int = 0
) -> Dataset:
    """Functional groups of a frame of a segmentation or a map."""
    made = Dataset()
    if source is not None:
        derivation = item(SourceImageSequence=[reference(source, *([frame] if frame else []))])
        made.DerivationImageSequence = Sequence([derivation])
    if z is not None:
        made.PlanePositionSequence = Sequence([item(ImagePositionPatient=[0, 0, z])])
        made.PlaneOrientationSequence = Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])])
        made.PixelMeasuresSequence = Sequence([item(PixelSpacing=[spacing, spacing], SliceThickness=2)])
    if segment is not None:
        made.SegmentIdentificationSequence = Sequence([item(ReferencedSegmentNumber=segment)])
    return made


def _is_items(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Dataset)
