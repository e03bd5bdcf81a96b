"""`filmjacket demo`: a server with sample studies, and what to try first."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.options import ConfigOption, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filmjacket.opening import Archive
    from filmjacket.settings import Settings
    from filmjacket.web.refs import ResourceRef

FILES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "examples_jpeg2k.dcm",
    "examples_overlay.dcm",
    "examples_palette.dcm",
    "examples_rgb_color.dcm",
    "examples_ybr_color.dcm",
    "liver_1frame.dcm",
    "reportsi.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "rtstruct.dcm",
    "waveform_ecg.dcm",
    "dicomdirtests/77654033",
    "dicomdirtests/98892003",
)
"""Real files that the installed package pydicom carries."""

TRY = """
Studies  {url}/studies
Health   {root}/healthz

Three commands to try in another terminal; they search, retrieve and store:
  curl '{url}/studies?ModalitiesInStudy=CT&includefield=StudyDescription'
  curl -H 'Accept: application/dicom' -o ct.dcm '{url}/{instance}'
  curl -H 'Content-Type: application/dicom' --data-binary @ct.dcm '{url}/studies'

In Python, after `pip install dicomweb-client`:
  from dicomweb_client import DICOMwebClient
  print(DICOMwebClient('{url}').search_for_studies(limit=1))
"""


def demo(
    data: Annotated[Path, typer.Option("--data", "-d", help="Directory of the archive.", file_okay=False)] = Path(
        "demo-data"
    ),
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port.", show_default="8104")] = None,
    load_only: Annotated[bool, typer.Option("--load-only", help="Load the samples, start no server.")] = False,
    config: ConfigOption = None,
) -> None:
    """Load sample studies into an empty archive and run the server on it.

    Example: `filmjacket demo --port 8104`
    """
    from filmjacket.cli.serve import check_address, run_server
    from filmjacket.opening import open_archive

    settings = settings_from(config, data=data, host=host, port=port)
    if not load_only:
        check_address(settings.host, settings.port)
    with closing(open_archive(settings)) as archive:
        loaded = load_samples(archive)
        instance = instance_to_try(archive)
    typer.echo(f"{loaded} sample instances loaded." if loaded else "The archive holds studies; nothing loaded.")
    if not load_only:
        run_server(settings, what_to_try(settings, instance))


def load_samples(archive: Archive) -> int:
    """Load the samples unless there is something in the archive; returns how many instances were stored."""
    from filmjacket.cli.folder_import import Fate, import_files

    if any(True for batch in archive.index.blobs(batch=1) for _ in batch):
        return 0
    outcomes = import_files(archive, sample_paths(), workers=2)
    return sum(outcome.fate is Fate.STORED for outcome in outcomes)


def sample_paths() -> Iterable[Path]:
    """The sample files that are there; packagers may leave some out."""
    import pydicom.data

    folder = Path(pydicom.data.__file__).parent / "test_files"
    return [path for path in (folder / name for name in FILES) if path.exists()]


def what_to_try(settings: Settings, instance: ResourceRef) -> str:
    """The addresses and commands that the demo prints."""
    from filmjacket.cli.serve import banner, service_url

    url = service_url(settings)
    root = url.removesuffix(settings.base_path)
    return banner(settings) + "\n" + TRY.format(url=url, root=root, instance=instance.path)


def instance_to_try(archive: Archive) -> ResourceRef:
    """An instance to retrieve: of a CT if there is one."""
    from filmjacket.dicom.levels import Level
    from filmjacket.web.query import parse_search
    from filmjacket.web.refs import ResourceRef

    for query in ("ModalitiesInStudy=CT&limit=1", "limit=1"):
        for match in archive.index.search(parse_search(Level.STUDY, ResourceRef(), query)).matches:
            first = archive.index.instances(ResourceRef(match.study_uid))[0]
            return ResourceRef(first.study_uid, first.series_uid, first.sop_uid)
    return ResourceRef()
