"""The kinds of jobs: one table, and how their arguments are checked before a job is queued."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, cast

from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, Kind
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.errors import FilmjacketError
from filmjacket.web.reach import LOSSLESS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filmjacket.jobs.records import Arguments, Run
    from filmjacket.jobs.tools import Tools

HTJ2K_LOSSLESS: Final = "1.2.840.10008.1.2.4.201"
LOSSLESS_TARGETS: Final = tuple(uid for uid in LOSSLESS if TRANSFER_SYNTAXES[uid].encapsulated)
"""Transfer syntaxes that instances may be kept in instead of the one they came in, in order of preference."""

UNCOMPRESSED: Final = tuple(
    uid for uid, syntax in TRANSFER_SYNTAXES.items() if syntax.kind is Kind.UNCOMPRESSED and not syntax.encapsulated
)
MOST_GRACE_HOURS: Final = 24 * 366


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind: what it does, what it counts, how arguments are checked, and how one begins."""

    summary: str
    unit: str
    parse: Callable[[Mapping[str, object]], Arguments]
    begin: Callable[[Tools, Arguments], Run]


def kind_named(name: str) -> JobKind:
    """The kind of a name."""
    if name not in KINDS:
        raise FilmjacketError(f"{name!r} is no kind of job.", offender="kind", accepted=tuple(KINDS))
    return KINDS[name]


def _no_arguments(given: Mapping[str, object]) -> Arguments:
    _refuse_others(given)
    return {}


def _parse_verify(given: Mapping[str, object]) -> Arguments:
    _refuse_others(given, "threads")
    return {"threads": _number(given, "threads", os.cpu_count() or 1, 1, 256)}


def _parse_sweep(given: Mapping[str, object]) -> Arguments:
    _refuse_others(given, "grace_hours")
    return {"grace_hours": _number(given, "grace_hours", 24, 0, MOST_GRACE_HOURS)}


def _parse_reindex(given: Mapping[str, object]) -> Arguments:
    _refuse_others(given, "everything")
    return {"everything": given.get("everything") is True}


def _parse_transcode(given: Mapping[str, object]) -> Arguments:
    _refuse_others(given, "to", "from", "study")
    target = str(given.get("to", HTJ2K_LOSSLESS))
    if target not in LOSSLESS_TARGETS:
        raise _refused("to", f"{target!r} is no lossless transfer syntax that is written.", LOSSLESS_TARGETS)
    sources = given.get("from", list(UNCOMPRESSED))
    known = [uid for uid in TRANSFER_SYNTAXES if isinstance(sources, list) and uid in sources]
    if not known or not isinstance(sources, list) or len(known) != len(cast("list[object]", sources)):
        raise _refused("from", "There is a transfer syntax that is not known.", tuple(TRANSFER_SYNTAXES))
    return {
        "to": target,
        "from": [uid for uid in known if uid != target],
        "study": _uid(given, "study", optional=True),
    }


def _parse_export(given: Mapping[str, object]) -> Arguments:
    _refuse_others(given, "study", "series", "to")
    path = str(given.get("to", ""))
    if not PurePath(path).is_absolute():
        raise _refused("to", "The place to write to is no absolute path of the server.", ("/path/to/a/folder",))
    return {
        "study": _uid(given, "study", optional=False),
        "series": _uid(given, "series", optional=True),
        "to": path,
    }


def _begin_verify(tools: Tools, arguments: Arguments) -> Run:
    from filmjacket.jobs.upkeep_runs import VerifyRun  # noqa: PLC0415 - submitting needs the arguments only

    return VerifyRun(tools, arguments)


def _begin_sweep(tools: Tools, arguments: Arguments) -> Run:
    from filmjacket.jobs.upkeep_runs import SweepRun  # noqa: PLC0415 - as above

    return SweepRun(tools, arguments)


def _begin_reindex(tools: Tools, arguments: Arguments) -> Run:
    from filmjacket.jobs.upkeep_runs import ReindexRun  # noqa: PLC0415 - as above

    return ReindexRun(tools, arguments)


def _begin_purge(tools: Tools, arguments: Arguments) -> Run:
    from filmjacket.jobs.upkeep_runs import PurgeRun  # noqa: PLC0415 - as above

    return PurgeRun(tools, arguments)


def _begin_purge_workitems(tools: Tools, arguments: Arguments) -> Run:
    from filmjacket.jobs.worklist_runs import WorkitemPurgeRun  # noqa: PLC0415 - as above

    return WorkitemPurgeRun(tools, arguments)


def _begin_transcode(tools: Tools, arguments: Arguments) -> Run:
    from filmjacket.jobs.upkeep_runs import TranscodeRun  # noqa: PLC0415 - as above

    return TranscodeRun(tools, arguments)


def _begin_export(tools: Tools, arguments: Arguments) -> Run:
    from filmjacket.jobs.export_runs import FolderExportRun, ZipExportRun  # noqa: PLC0415 - as above

    is_zip = str(arguments["to"]).lower().endswith(".zip")
    return ZipExportRun(tools, arguments) if is_zip else FolderExportRun(tools, arguments)


def _refuse_others(given: Mapping[str, object], *names: str) -> None:
    for name in given:
        if name not in names:
            raise _refused(name, f"{name!r} is no argument of this kind of job.", names)


def _number(given: Mapping[str, object], name: str, default: int, least: int, most: int) -> int:
    value = given.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _refused(name, f"{name} is no whole number from {least} to {most}.", (f"{least}-{most}",))
    return value


def _uid(given: Mapping[str, object], name: str, *, optional: bool) -> str:
    value = str(given.get(name) or "")
    if not value and optional:
        return ""
    if not is_tolerable_uid(value):
        raise _refused(name, f"{name} is not a UID (PS3.5 9.1).", ("a UID",))
    return value


def _refused(name: str, message: str, accepted: tuple[str, ...]) -> FilmjacketError:
    return FilmjacketError(message, offender=name, accepted=accepted)


KINDS: Final[dict[str, JobKind]] = {
    "verify": JobKind("Check every stored instance against its digest.", "instances", _parse_verify, _begin_verify),
    "sweep": JobKind("Remove bytes that no instance refers to.", "files", _parse_sweep, _begin_sweep),
    "reindex": JobKind("Fill in what searches look up.", "data sets", _parse_reindex, _begin_reindex),
    "purge": JobKind("Remove for good what was deleted long enough ago.", "instances", _no_arguments, _begin_purge),
    "purge-workitems": JobKind(
        "Remove workitems that are final for `worklist.retention_days` and that nobody has locked.",
        "workitems",
        _no_arguments,
        _begin_purge_workitems,
    ),
    "transcode": JobKind(
        "Rewrite stored instances into a lossless transfer syntax.", "instances", _parse_transcode, _begin_transcode
    ),
    "export": JobKind("Write a study or series to a folder or ZIP file.", "instances", _parse_export, _begin_export),
}
"""Every kind of job by its name."""
