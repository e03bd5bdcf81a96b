"""Each kind of job, in one go, and as one whose every step runs twice and in another process."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from filmjacket.archive.deletions import Hold
from filmjacket.errors import NotFound
from filmjacket.jobs import export_runs, upkeep_runs
from filmjacket.jobs.kinds import HTJ2K_LOSSLESS
from filmjacket.services.studies.remove import Remover
from filmjacket.web.refs import ResourceRef
from tests.samples import series
from tests.unit.jobs.conftest import store

if TYPE_CHECKING:
    from pathlib import Path

    from filmjacket.archive.records import StoredInstance
    from filmjacket.jobs.records import Arguments
    from tests.unit.jobs.conftest import FakeEngine

pytestmark = pytest.mark.slow

FORGETFUL = pytest.mark.parametrize("forgetful", [False, True])


def stored(engine: FakeEngine) -> list[StoredInstance]:
    return engine.tools.archive.index.instances(ResourceRef())


def contents(engine: FakeEngine) -> dict[str, bytes]:
    blobs = engine.tools.archive.blobs
    return {one.sop_uid: b"".join(blobs.chunks(one.blob.key)) for one in stored(engine)}


@FORGETFUL
def test_verify_looks_at_every_blob_once(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, *, forgetful: bool):
    monkeypatch.setattr(upkeep_runs, "VERIFIED_AT_ONCE", 2)
    sound = engine.run("verify", forgetful=forgetful, threads=1)
    assert (sound.done, sound.total, sound.counts["damaged"]) == (3, 3, 0)
    assert sound.size == sum(len(content) for content in contents(engine).values())

    victim = stored(engine)[0]
    path = engine.tools.archive.blobs.local_path(victim.blob.key)
    assert path is not None
    path.write_bytes(b"x" * victim.blob.size)
    damaged = engine.run("verify", forgetful=forgetful)
    assert damaged.counts["damaged"] == 1
    assert damaged.findings == (f"wrong digest: SOP Instance UID {victim.sop_uid}, file {victim.blob.key}",)


def test_verify_looks_at_what_can_be_restored_too(engine: FakeEngine):
    archive = engine.tools.archive
    one = stored(engine)[0]
    Remover(archive.index, engine.tools.settings.deletion.rules, lambda: 1).delete(one.ref)
    archive.blobs.remove([one.blob.key])
    assert engine.run("verify").findings == (f"missing: SOP Instance UID {one.sop_uid}, file {one.blob.key}",)


@FORGETFUL
def test_sweep_goes_on_behind_a_key(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, *, forgetful: bool):
    monkeypatch.setattr(upkeep_runs, "BATCH", 2)
    blobs = engine.tools.archive.blobs
    orphan = blobs.stage()
    orphan.write(b"nobody's")
    key = orphan.finish().key
    blobs.publish([orphan])
    swept = engine.run("sweep", forgetful=forgetful, grace_hours=0)
    assert key not in set(blobs.keys())
    assert len(list(blobs.keys())) == 3
    assert swept.done == 4  # an orphan is removed some steps after it was looked at


def test_reindex_and_purge_come_to_their_ends(engine: FakeEngine):
    indexed = engine.run("reindex", everything=True)
    assert 0 < indexed.done == indexed.total
    assert engine.run("reindex").done == 0
    archive = engine.tools.archive
    Remover(archive.index, engine.tools.settings.deletion.rules, lambda: 1).delete(stored(engine)[0].ref)
    purged = engine.run("purge")
    assert (purged.done, purged.total) == (1, 1)
    assert len(list(archive.blobs.keys())) == 2


@FORGETFUL
def test_what_is_transcoded_at_rest_is_the_same_image(engine: FakeEngine, *, forgetful: bool):
    archive, recoder = engine.tools.archive, engine.tools.recoder
    before = {one.sop_uid: recoder.transcoder.source(one).array(1).tobytes() for one in stored(engine)}
    done = engine.run("transcode", forgetful=forgetful)
    assert done.counts.get("recoded", 0) == (0 if forgetful else 3)  # all were done by the step that was forgotten
    after = stored(engine)
    assert {one.transfer_syntax for one in after} == {HTJ2K_LOSSLESS}
    assert {one.sop_uid: recoder.transcoder.source(one).array(1).tobytes() for one in after} == before
    assert sorted(archive.blobs.keys()) == sorted(one.blob.key for one in after)
    assert engine.run("verify").counts["damaged"] == 0


def test_what_cannot_be_transcoded_is_left_alone(engine: FakeEngine):
    before = contents(engine)
    study = stored(engine)[0].study_uid
    engine.tools.archive.index.add_hold(Hold(study, "a trial", 1))
    assert engine.run("transcode").counts == {"on legal hold": 3, "bytes saved": 0}
    assert contents(engine) == before
    assert engine.run("transcode", study="1.2.3").done == 0


def test_an_image_that_does_not_come_back_keeps_its_bytes(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch):
    before = contents(engine)
    recoder = engine.tools.recoder

    def differs(*_: object) -> bool:
        return False

    monkeypatch.setattr(type(recoder), "_is_same_frame", differs)
    done = engine.run("transcode")
    assert done.counts == {"did not come back": 3, "bytes saved": 0}
    assert len(done.findings) == 3
    assert contents(engine) == before
    assert len(list(engine.tools.archive.blobs.keys())) == 3


def test_an_instance_that_is_replaced_meanwhile_is_not_overwritten(engine: FakeEngine):
    archive, one = engine.tools.archive, stored(engine)[0]
    Remover(archive.index, engine.tools.settings.deletion.rules, lambda: 1).delete(one.ref)
    fate, _ = engine.tools.recoder.recode(one, HTJ2K_LOSSLESS)
    assert str(fate) == "changed meanwhile"
    assert len(stored(engine)) == 2


@FORGETFUL
@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_export_writes_what_is_stored(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, forgetful: bool
):
    monkeypatch.setattr(export_runs, "EXPORTED_AT_ONCE", 2)
    study = stored(engine)[0].study_uid
    done = engine.run("export", forgetful=forgetful, study=study, to=str(tmp_path / name))
    assert (done.done, done.total) == (3, 3)
    if name == "out":
        found = {path.stem: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
    else:
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert archive.testzip() is None
            found = {entry.rpartition("/")[2].removesuffix(".dcm"): archive.read(entry) for entry in archive.namelist()}
        assert [path.name for path in tmp_path.glob("out*")] == [name]
    assert found == contents(engine)


def test_an_archive_begins_anew_when_the_study_has_grown(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(export_runs, "EXPORTED_AT_ONCE", 1)
    study = stored(engine)[0].study_uid
    arguments: Arguments = {"study": study, "series": "", "to": str(tmp_path / "out.zip")}
    first = export_runs.ZipExportRun(engine.tools, arguments)
    cursor = first.step(first.step({}).cursor or {}).cursor or {}
    store(engine.tools.archive, series(1, StudyInstanceUID=study))
    again = export_runs.ZipExportRun(engine.tools, arguments).step(cursor)
    assert (again.done, again.total) == (-1, 4)


def test_an_export_of_nothing_fails(engine: FakeEngine, tmp_path: Path):
    with pytest.raises(NotFound):
        engine.run("export", study="1.2.3", to=str(tmp_path))
