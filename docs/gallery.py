"""Draws `docs/images/gallery.jpg`: what the server makes of public files, each picture asked for over HTTP.

Real files are those that `pydicom` and `pydicom-data` carry; transfer syntaxes that none of them has are asked of the
server, stored again and then rendered. `make gallery` runs it.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
import structlog
from PIL import Image, ImageCms, ImageDraw
from pydicom.uid import generate_uid

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.conformance.shelf import open_shelf  # noqa: E402 - after the path
from tests.payloads import parts_of  # noqa: E402
from tests.samples import sample, variant  # noqa: E402
from tests.volumes import head  # noqa: E402

from filmjacket.pixels.fonts import font_for  # noqa: E402

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf

OUT = ROOT / "docs" / "images" / "gallery.jpg"
COLUMNS, CELL, GAP, LABEL, HEADING = 12, 148, 8, 30, 34
BACKGROUND, PAPER, WORDS, FAINT = "#0f1419", "#1a2129", "#e6edf3", "#8b98a5"
SRGB = ImageCms.createProfile("sRGB")
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax='


@dataclass(frozen=True)
class Tile:
    """A picture: what it shows in two lines, the file, and what is asked for below the instance.

    `syntax` is a transfer syntax that the server transcodes the file to first; `part` what is shown of the height.
    """

    title: str
    note: str
    file: str
    below: str = "/rendered"
    accept: str = "image/png"
    syntax: str = ""
    part: tuple[float, float] = (0, 1)


def modalities() -> list[Tile]:
    """What the files show, as they want to be shown."""
    rows = [
        ("CT", "CT_small", ""),
        ("CT", "693_UNCR", ""),
        ("CT enhanced", "eCT_Supplemental", "/frames/1"),
        ("MR", "MR_small", ""),
        ("MR", "MR2_UNCR", ""),
        ("MR, overlays", "MR-SIEMENS-DICOM-WithOverlays", ""),
        ("MR enhanced", "emri_small", "/frames/5"),
        ("CR", "RG1_UNCR", ""),
        ("CR", "RG3_UNCR", ""),
        ("NM", "JPEG2000_UNC", ""),
        ("SEG", "liver", "/frames/2"),
        ("RT Dose, 32 bits", "rtdose", "/frames/8"),
        ("US, RGB", "US1_UNCR", ""),
        ("US, palette", "OBXXXX1A", ""),
        ("US, 16 bit palette", "gdcm-US-ALOKA-16", ""),
        ("US, planar RGB", "color-pl", ""),
        ("US, YBR", "examples_ybr_color", "/frames/1"),
        ("US, 120 frames", "color3d_jpeg_baseline", "/frames/60"),
        ("SC, RGB", "SC_rgb", ""),
        ("SC, RGB 16 bits", "SC_rgb_16bit", ""),
        ("SC, RGB 32 bits", "SC_rgb_32bit", ""),
        ("SC, YBR 4:2:2", "SC_ybr_full_422_uncompressed", ""),
        ("SC, modality LUT", "mlut_18", ""),
        ("SC, VOI LUT", "vlut_04", ""),
    ]
    return [Tile(title, name, f"{name}.dcm", f"{below}/rendered") for title, name, below in rows]


def syntaxes() -> list[Tile]:
    """Every coding: from files that have it, then made by the server."""
    stored = [
        ("Implicit VR LE", "MR_small_implicit"),
        ("Explicit VR BE", "MR_small_bigendian"),
        ("Deflated", "image_dfl"),
        ("RLE", "OBXXXX1A_rle"),
        ("JPEG baseline", "SC_rgb_jpeg_dcmtk"),
        ("JPEG, RGB inside", "SC_jpeg_no_color_transform"),
        ("JPEG, 4:2:2", "SC_rgb_dcmtk_+eb+cy+s2"),
        ("JPEG extended, 12 bits", "JPGExtended"),
        ("JPEG lossless SV1", "JPGLosslessP14SV1_1s_1f_8b"),
        ("JPEG lossless, RGB", "SC_rgb_jpeg_gdcm"),
        ("JPEG-LS", "MR_small_jpeg_ls_lossless"),
        ("JPEG-LS near lossless", "SC_rgb_jls_lossy_line"),
        ("JPEG 2000 lossless", "US1_J2KR"),
        ("JPEG 2000", "RG1_J2KI"),
        ("JPEG 2000, wrong sign", "J2K_pixelrep_mismatch"),
    ]
    made = [
        ("Encapsulated native", "1.98"),
        ("Deflated frames", "8.1"),
        ("JPEG lossless P14", "4.57"),
        ("HTJ2K lossless", "4.201"),
        ("HTJ2K RPCL", "4.202"),
        ("HTJ2K", "4.203"),
        ("JPEG XL lossless", "4.110"),
        ("JPEG XL", "4.112"),
    ]
    root = "1.2.840.10008.1.2."
    return [
        *(Tile(title, name, f"{name}.dcm", "/rendered") for title, name in stored),
        *(Tile(title, f"…{uid}, by server", "color-pl.dcm", syntax=root + uid) for title, uid in made),
        Tile("JPEG XL from JPEG", "…4.111, by server", "SC_rgb_jpeg_dcmtk.dcm", syntax=root + "4.111"),
    ]


def parameters() -> list[Tile]:
    """Windows, viewports, annotation, quality, colours, media types."""
    ct, colour = "693_UNCR.dcm", "color-pl.dcm"
    queries = [
        ("default window", ct, ""),
        ("soft tissue", ct, "window=40,400,linear"),
        ("lung", ct, "window=-600,1500,linear"),
        ("exact", ct, "window=40,400,linear-exact"),
        ("sigmoid", ct, "window=40,400,sigmoid"),
        ("narrow", ct, "window=40,1,linear"),
        ("cropped", ct, "viewport=300,300,128,128,256,256"),
        ("flipped left-right", ct, "viewport=300,300,,,-512"),
        ("flipped top-bottom", ct, "viewport=300,300,,,,-512"),
        ("turned by 180°", ct, "viewport=300,300,,,-512,-512"),
        ("narrow viewport", ct, "viewport=300,80"),
        ("enlarged", "CT_small.dcm", "viewport=300,300,40,40,32,32"),
        ("technique", ct, "annotation=technique"),
        ("technique", "MR2_UNCR.dcm", "annotation=technique"),
    ]
    asked = [Tile(title, query or "no parameter", file, f"/rendered?{query}") for title, file, query in queries]
    asked += [Tile("JPEG", f"quality={n}", colour, f"/rendered?quality={n}", "image/jpeg") for n in (1, 20, 90)]
    asked += [
        Tile("colours", f"iccprofile={name}", colour, f"/rendered?iccprofile={name}")
        for name in ("no", "yes", "srgb", "adobergb", "rommrgb")
    ]
    return asked + [Tile("as", name, colour, accept=name) for name in ("image/gif", "image/jp2")]


def others() -> list[Tile]:
    """Thumbnails, a waveform, a report, a volume."""
    small = "/thumbnail"
    thumbnails = [
        ("CT", "693_UNCR"),
        ("CR", "RG1_UNCR"),
        ("US", "US1_UNCR"),
        ("US, many frames", "color3d_jpeg_baseline"),
        ("segmentation", "liver"),
        ("report", "test-SR"),
        ("ECG", "waveform_ecg"),
        ("RT plan", "rtplan"),
    ]
    wide = "window=300,1600,linear"
    volume = [
        ("MPR axial", f"renderedmpr?orientation=f&{wide}"),
        ("MPR coronal", f"renderedmpr?orientation=a&{wide}"),
        ("MPR sagittal", f"renderedmpr?orientation=l&{wide}"),
        ("MPR oblique", f"renderedmpr?viewpointposition=200,-200,100&viewpointlookat=0,0,0&viewpointup=0,0,1&{wide}"),
        ("slab of 40 mm", f"renderedmpr?orientation=a&mprslab=40&renderingmethod=average_ip&{wide}"),
        ("maximum projection", "rendered3d?orientation=l&renderingmethod=maximum_ip&window=500,1400,linear"),
        ("average projection", "rendered3d?orientation=l&renderingmethod=average_ip&window=-500,1200,linear"),
        ("volume rendering", "rendered3d?orientation=a&renderingmethod=volume_rendered"),
        ("volume rendering", "rendered3d?orientation=r&renderingmethod=volume_rendered"),
    ]
    return [
        *(Tile("thumbnail", f"{title}: {name}", f"{name}.dcm", small) for title, name in thumbnails),
        Tile("12-lead ECG", "waveform_ecg", "waveform_ecg.dcm", part=(0.175, 0.62)),
        Tile("SR as text/plain", "test-SR", "test-SR.dcm", accept="text/plain"),
        Tile("SR as text/plain", "reportsi", "reportsi.dcm", accept="text/plain"),
        *(Tile(title, "a head made for tests", "", f"/{query}") for title, query in volume),
    ]


SECTIONS = {
    "Modalities and photometric interpretations": modalities,
    "Transfer syntaxes": syntaxes,
    "Parameters": parameters,
    "Thumbnails, waveforms, reports, volumes": others,
}


def main() -> None:
    """Ask for every picture and lay them out."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder, open_shelf(Path(folder) / "archive") as shelf:
        grid, values = head()
        *_, last = [shelf.store(file) for file in grid.slices(values)]
        sections = [
            (title, [(tile, picture_of(shelf, tile, last.series)) for tile in tiles()])
            for title, tiles in SECTIONS.items()
        ]
    sheet = laid_out(sections)
    sheet.save(OUT, quality=78, optimize=True, progressive=True)
    print(f"{OUT.relative_to(ROOT)}: {sheet.width} x {sheet.height}, {OUT.stat().st_size} bytes")


def picture_of(shelf: Shelf, tile: Tile, head_series: str) -> Image.Image:
    """The picture that the server answers with."""
    if not tile.file:
        response = shelf.client.get(head_series + tile.below, headers={"Accept": tile.accept})
    else:
        stored = shelf.store(file_of(tile.file))
        if tile.syntax:
            (part,) = parts_of(stored.get("", f"{DICOM}{tile.syntax}"))
            stored = shelf.store(part.body)
            if stored.transfer_syntax != tile.syntax:
                raise SystemExit(f"{tile.file} was not transcoded to {tile.syntax}")
        response = stored.get(tile.below, tile.accept)
    if response.status_code != 200:
        raise SystemExit(f"{tile}: {response.status_code} {response.text}")
    made = text_picture(response.text) if tile.accept == "text/plain" else decoded(response.content)
    top, bottom = (round(made.height * share) for share in tile.part)
    return made.crop((0, top, made.width, bottom))


def file_of(name: str) -> bytes:
    """A file; those of which the identifiers were removed get some."""
    file = sample(name)
    found = pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True)
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    missing = {keyword: generate_uid() for keyword in names if not found.get(keyword)}
    return variant(name, **missing) if missing else file


def decoded(file: bytes) -> Image.Image:
    """A picture in sRGB, whatever colours its profile says that it has."""
    opened: Any = Image.open(io.BytesIO(file))
    profile = opened.info.get("icc_profile")
    if opened.mode.startswith("I"):
        raise SystemExit("A grey picture of 16 bits")
    shown = opened.convert("RGB")
    if profile and opened.mode in {"RGB", "P"}:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        shown = ImageCms.profileToProfile(shown, space, SRGB, outputMode="RGB") or shown
    return shown


def text_picture(text: str) -> Image.Image:
    """The beginning of a text."""
    page = Image.new("RGB", (2 * CELL, 2 * CELL), "white")
    draw = ImageDraw.Draw(page)
    lines = [line for line in text.splitlines() if line.strip()][:22]
    for number, line in enumerate(lines):
        font, words = font_for(line[:52], 11)
        draw.text((8, 6 + 13 * number), words, "black", font)
    return page


def laid_out(sections: list[tuple[str, list[tuple[Tile, Image.Image]]]]) -> Image.Image:
    """All pictures in rows, their labels beneath."""
    rows = [-(-len(tiles) // COLUMNS) for _, tiles in sections]
    height = sum(HEADING + count * (CELL + LABEL + GAP) for count in rows) + GAP
    sheet = Image.new("RGB", (COLUMNS * (CELL + GAP) + GAP, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    top = 0
    for (title, tiles), count in zip(sections, rows, strict=True):
        written(draw, (GAP, top + 9), title, 17, WORDS)
        top += HEADING
        for position, (tile, picture) in enumerate(tiles):
            row, column = divmod(position, COLUMNS)
            left, upper = GAP + column * (CELL + GAP), top + row * (CELL + LABEL + GAP)
            draw.rectangle((left, upper, left + CELL - 1, upper + CELL - 1), PAPER)
            scale = min(CELL / picture.width, CELL / picture.height)
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
            sheet.paste(picture.resize(size, how), (left + (CELL - size[0]) // 2, upper + (CELL - size[1]) // 2))
            written(draw, (left, upper + CELL + 2), tile.title, 12, WORDS)
            written(draw, (left, upper + CELL + 16), tile.note, 10, FAINT)
        top += count * (CELL + LABEL + GAP)
    return sheet


def written(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, colour: str) -> None:
    """One line, cut off at the width of a picture."""
    font, words = font_for(text, size)
    while size < 15 and font.getlength(words) > CELL:
        words = words.removesuffix("…")[:-1] + "…"
    draw.text(place, words, colour, font)


if __name__ == "__main__":
    main()
