"""Runs over everything that is stored: verify, sweep, re-index, purge, transcode at rest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from filmjacket.archive.upkeep_port import Selection, Shelf
from filmjacket.clock import now
from filmjacket.jobs.records import Step
from filmjacket.maintenance.sweep import BATCH, Suspects, settling
from filmjacket.maintenance.transcode_at_rest import Recoding
from filmjacket.maintenance.verify import check_blob

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filmjacket.archive.upkeep_port import BlobPlace
    from filmjacket.jobs.records import Arguments, Cursor
    from filmjacket.jobs.tools import Tools
    from filmjacket.maintenance.verify import Finding

VERIFIED_AT_ONCE = 64
RECODED_AT_ONCE = 8
_WAITED_AT_ONCE = 1.0
_SHELVES = tuple(Shelf)


class VerifyRun:
    """Reads every blob that the index refers to, live ones first."""

    def __init__(self, tools: Tools, arguments: Arguments) -> None:
        self._tools = tools
        self._threads = int(str(arguments["threads"]))

    def step(self, cursor: Cursor) -> Step:
        """Check the next blobs against size and digest."""
        if not cursor:
            return Step({"shelf": 0}, total=self._tools.archive.upkeep.count_blobs())
        shelf = int(cursor["shelf"])
        places = self._tools.archive.upkeep.blobs_after(_SHELVES[shelf], _place(cursor), batch=VERIFIED_AT_ONCE)
        if not places:
            return Step({"shelf": shelf + 1} if shelf + 1 < len(_SHELVES) else None)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="verify") as threads:
            found = [finding for finding in threads.map(self._check, places) if finding is not None]
        return Step(
            {"shelf": shelf, **_cursor_at(places[-1].place)},
            done=len(places),
            size=sum(place.blob.size for place in places),
            counts={"damaged": len(found)},
            findings=[f"{one.damage}: SOP Instance UID {one.sop_uid}, file {one.blob.key}" for one in found],
        )

    def _check(self, place: BlobPlace) -> Finding | None:
        finding = check_blob(self._tools.archive.blobs, place.sop_uid, place.blob)
        # It may have been replaced or purged since the index was read.
        if finding is None or self._tools.archive.index.unknown_keys([place.blob.key]):
            return None
        return finding


class SweepRun:
    """Removes blobs that the index does not know; stores list them in order, so that a key says where to go on."""

    def __init__(self, tools: Tools, arguments: Arguments) -> None:
        self._tools = tools
        self._grace_seconds = int(str(arguments["grace_hours"])) * 3600.0
        self._listing: Iterator[str] | None = None
        self._listed = ""
        self._suspects = Suspects(tools.archive.index, settling(self._grace_seconds))

    def step(self, cursor: Cursor) -> Step:
        """Look at the next blobs; the last suspects and abandoned uploads go at the end.

        Suspects of a run that was killed are the next sweep's.
        """
        archive = self._tools.archive
        if self._suspects.is_full or cursor.get("listed"):
            self._suspects.wait(_WAITED_AT_ONCE)
        orphans = self._suspects.orphans()
        archive.blobs.remove(orphans)
        counts = {"orphans": len(orphans)}
        if self._suspects.is_full or (cursor.get("listed") and self._suspects):
            return Step(cursor, counts=counts)
        if cursor.get("listed"):
            removed = archive.blobs.clear_stage(older_than_seconds=self._grace_seconds)
            return Step(None, counts={**counts, "abandoned uploads": removed})
        after = str(cursor.get("key", ""))
        if self._listing is None or after != self._listed:
            keys = archive.blobs.keys(older_than_seconds=self._grace_seconds)
            self._listing = (key for key in keys if key > after)
        batch = list(islice(self._listing, BATCH))
        if not batch:
            return Step({"key": after, "listed": True}, counts=counts)
        self._listed = batch[-1]
        self._suspects.add(archive.index.unknown_keys(batch))
        return Step({"key": batch[-1]}, done=len(batch), counts=counts)


class ReindexRun:
    """Fills in what searches look up; the index itself knows where it is."""

    def __init__(self, tools: Tools, arguments: Arguments) -> None:
        self._tools = tools
        self._everything = bool(arguments["everything"])

    def step(self, cursor: Cursor) -> Step:
        """Fill in the next data sets."""
        index = self._tools.archive.index
        if not cursor:
            return Step({"begun": True}, total=index.begin_reindex(everything=self._everything))
        sizes = index.reindex()
        return Step({"begun": True} if sizes else None, done=len(sizes), size=sum(sizes))


class PurgeRun:
    """Ends the undo window of what was deleted long enough ago."""

    def __init__(self, tools: Tools, _arguments: Arguments) -> None:
        self._tools = tools

    def step(self, cursor: Cursor) -> Step:
        """Take the next instances out of the index, then their bytes: what is lost in between, a sweep finds."""
        archive, rules = self._tools.archive, self._tools.settings.deletion.rules
        at = int(cursor.get("at", 0)) or now()
        retained_since = rules.retained_since(at)
        if not cursor:
            return Step({"at": at}, total=archive.index.expired(at=at, retained_since=retained_since).instances)
        batch = archive.index.purge(at=at, retained_since=retained_since)
        if batch.instances:
            archive.blobs.remove(batch.blob_keys)
            return Step({"at": at}, done=batch.instances, size=batch.bytes)
        forget_before = rules.forget_before(at)
        if forget_before is not None:
            archive.index.forget_deletions(forget_before)
        return Step(None)


class TranscodeRun:
    """Rewrites instances in some transfer syntaxes into a lossless one."""

    def __init__(self, tools: Tools, arguments: Arguments) -> None:
        self._tools = tools
        self._target = str(arguments["to"])
        sources = arguments["from"]
        assert isinstance(sources, list)  # noqa: S101 - the kind has checked it
        self._selection = Selection(tuple(sources), str(arguments["study"]))

    def step(self, cursor: Cursor) -> Step:
        """Rewrite the next instances."""
        upkeep = self._tools.archive.upkeep
        if not cursor:
            return Step({"begun": True}, total=upkeep.count_instances(self._selection))
        found = upkeep.instances_after(self._selection, _place(cursor), batch=RECODED_AT_ONCE)
        if not found:
            return Step(None)
        counts: dict[str, int] = {}
        findings: list[str] = []
        for instance in found:
            fate, saved = self._tools.recoder.recode(instance, self._target)
            counts[str(fate)] = counts.get(str(fate), 0) + 1
            counts["bytes saved"] = counts.get("bytes saved", 0) + saved
            if fate is Recoding.UNVERIFIED:
                findings.append(f"{fate}: SOP Instance UID {instance.sop_uid}")
        return Step(
            {"begun": True, **_cursor_at((found[-1].study_uid, found[-1].sop_uid))},
            done=len(found),
            size=sum(instance.blob.size for instance in found),
            counts=counts,
            findings=findings,
        )


def _cursor_at(place: Sequence[str]) -> Cursor:
    return {f"place{number}": value for number, value in enumerate(place)}


def _place(cursor: Cursor) -> list[str]:
    return [str(cursor[name]) for name in ("place0", "place1", "place2") if name in cursor]
