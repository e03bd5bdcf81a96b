"""Volumes for tests: CT slices with known values at known places in the patient."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from filmjacket.pixels.volume_grid import Volume
from tests.samples import sample

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a test volume are. `tilt` moves each slice that many millimetres down its columns."""

    shape: tuple[int, int, int] = (10, 16, 20)
    spacing: tuple[float, float, float] = (3.0, 1.5, 1.0)
    origin: tuple[float, float, float] = (-30.0, -50.0, 100.0)
    directions: tuple[tuple[float, float, float], tuple[float, float, float]] = AXIAL
    tilt: float = 0.0

    @property
    def matrix(self) -> np.ndarray:
        row, column = np.array(self.directions)
        normal = np.cross(row, column)
        step = normal * self.spacing[0] + column * self.tilt
        return np.stack((step, column * self.spacing[1], row * self.spacing[2]), axis=1)

    @property
    def points(self) -> np.ndarray:
        """Patient coordinates of every voxel: (slices, rows, columns, 3)."""
        index = np.stack(np.meshgrid(*map(np.arange, self.shape), indexing="ij"), axis=-1)
        return index @ self.matrix.T + np.array(self.origin)

    def volume(self, values: np.ndarray) -> Volume:
        return Volume(np.ascontiguousarray(values), 1.0, 0.0, self.matrix, np.array(self.origin), "CT")

    def slices(self, values: np.ndarray, **changes: object) -> list[bytes]:
        """The volume as CT images of one new series; `values` are Hounsfield units."""
        changes = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()} | changes
        return [
            ct_slice(values[k], self.points[k, 0, 0], self, InstanceNumber=k + 1, **changes)
            for k in range(self.shape[0])
        ]


def ct_slice(values: np.ndarray, position: np.ndarray, grid: Grid, **changes: object) -> bytes:
    """One CT image with these Hounsfield units."""
    dataset = pydicom.dcmread(io.BytesIO(sample("CT_small.dcm")))
    dataset.Rows, dataset.Columns = values.shape
    dataset.PixelSpacing = list(grid.spacing[1:])
    dataset.ImageOrientationPatient = [*grid.directions[0], *grid.directions[1]]
    dataset.ImagePositionPatient = [round(float(value), 6) for value in position]
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    dataset.SOPInstanceUID = generate_uid()
    for keyword in ("PixelPaddingValue",):
        if keyword in dataset:
            delattr(dataset, keyword)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = (values + 1024).astype("<i2").tobytes()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def head(grid: Grid | None = None) -> tuple[Grid, np.ndarray]:
    """A made-up head: skin, skull, brain, two eyes, teeth; air around it, a marrow canal inside of bone."""
    grid = grid or Grid((80, 96, 88), (2.5, 2.3, 2.3), (-100.0, -120.0, -100.0))
    x, y, z = np.moveaxis(grid.points, -1, 0)
    values = np.full(grid.shape, -1000, np.int16)

    def ellipsoid(center: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
        return sum(((a - c) / r) ** 2 for a, c, r in zip((x, y, z), center, radii, strict=True)) < 1

    for center, radii, unit in (
        ((0, -10, 0), (78, 98, 92), 30),  # skin and muscle
        ((0, -104, -15), (12, 16, 18), 40),  # nose
        ((0, -5, 5), (70, 88, 80), 900),  # skull
        ((0, -5, 7), (63, 81, 73), 35),  # brain
        ((-30, -84, -8), (16, 18, 15), 10),  # orbits
        ((30, -84, -8), (16, 18, 15), 10),
        ((0, -70, -65), (38, 30, 20), 1100),  # jaw
        ((0, -72, -58), (26, 22, 14), 50),
        ((0, -98, -18), (8, 10, 12), -900),  # nasal cavity
    ):
        values[ellipsoid(center, radii)] = unit
    return grid, _soft(values)


def _soft(values: np.ndarray) -> np.ndarray:
    """Borders as a scanner sees them: a voxel holds a part of each of its neighbours."""
    soft = values.astype(float)
    for axis in range(3):
        padded = np.pad(soft, [(1, 1) if other == axis else (0, 0) for other in range(3)], mode="edge")
        before, after = (np.take(padded, range(first, first + soft.shape[axis]), axis) for first in (0, 2))
        soft = before / 4 + soft / 2 + after / 4
    return np.rint(soft).astype(np.int16)


def enhanced(grid: Grid, values: np.ndarray, **changes: object) -> bytes:
    """The slices as one multi-frame object with functional groups, the last one first."""
    dataset = pydicom.dcmread(io.BytesIO(grid.slices(values, **changes)[0]))
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope",
                    "RescaleIntercept", "WindowCenter", "WindowWidth"):  # fmt: skip
        delattr(dataset, keyword)

    def item(**attributes: object) -> pydicom.Dataset:
        made = pydicom.Dataset()
        for keyword, value in attributes.items():
            setattr(made, keyword, value)
        return made

    row, column = grid.directions
    dataset.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=[*row, *column])],
            PixelMeasuresSequence=[item(PixelSpacing=list(grid.spacing[1:]))],
            PixelValueTransformationSequence=[item(RescaleIntercept=-1024, RescaleSlope=1, RescaleType="HU")],
            FrameVOILUTSequence=[item(WindowCenter=40, WindowWidth=400)],
        )
    ]
    order = range(grid.shape[0] - 1, -1, -1)
    dataset.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionSequence=[item(ImagePositionPatient=[float(value) for value in grid.points[k, 0, 0]])])
        for k in order
    ]
    dataset.NumberOfFrames = grid.shape[0]
    dataset.PixelData = np.stack([values[k] + 1024 for k in order]).astype("<i2").tobytes()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
