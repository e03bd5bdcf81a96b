"""`import`, `export`, `verify` and `sweep` on a real archive, through the command line."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from tests.samples import sample, series, uids
from typer.testing import CliRunner, Result

from filmjacket.cli import folder_import
from filmjacket.cli.demo import instance_to_try, load_samples, sample_paths
from filmjacket.cli.folder_import import Fate, find_files, import_files
from filmjacket.cli.importing import printable
from filmjacket.cli.main import app
from filmjacket.errors import OutOfStorage
from filmjacket.opening import open_archive
from filmjacket.settings import Settings

pytestmark = pytest.mark.slow

GOOD = ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "image_dfl.dcm", "SC_rgb_jpeg_gdcm.dcm"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as a CD might have it."""
    top = tmp_path / "cd"
    for number, name in enumerate(GOOD):
        path = top / f"DICOM/{number % 2}/{name.removesuffix('.dcm').upper()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample(name))
    (top / "DICOMDIR").write_bytes(Path(str(get_testdata_file("dicomdirtests/DICOMDIR"))).read_bytes())
    (top / "autorun.inf").write_text("[autorun]\n" * 100)
    (top / "empty").write_bytes(b"")
    (top / "viewer.exe").write_bytes(b"MZ" + os.urandom(200_000))
    return top


def copies(count: int) -> list[bytes]:
    """Many instances of one series, made faster than pydicom writes them."""
    template = series(1)[0]
    uid = uids(template)[2].encode()
    return [template.replace(uid, uid[:-5] + str(10_000 + number).encode()) for number in range(count)]


def report_of(path: Path) -> Counter[str]:
    return Counter(json.loads(line)["outcome"] for line in path.read_text().splitlines())


def test_import_takes_what_is_dicom_says_why_not_and_is_resumable(folder: Path, tmp_path: Path):
    (folder / "truncated.dcm").write_bytes(sample("CT_small.dcm")[:5000])
    (folder / "again.dcm").write_bytes(sample("MR_small.dcm"))
    report = tmp_path / "report.jsonl"
    first = invoke("import", folder, "--data", tmp_path / "a", "--report", report)
    assert first.exit_code == 1, first.output
    assert report_of(report) == {
        Fate.STORED: 5,
        Fate.ALREADY_STORED: 1,
        Fate.NOT_DICOM: 3,
        Fate.DICOMDIR: 1,
        Fate.REFUSED: 1,
    }
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    refused = next(line for line in lines if line["outcome"] == Fate.REFUSED)
    assert refused["path"] == str(folder / "truncated.dcm")
    assert refused["reason"]
    for text in ("11 files", "5  stored", "3  not DICOM", "1  DICOMDIR", "1  refused", refused["reason"]):
        assert text in first.output

    (folder / "truncated.dcm").unlink()
    (folder / "new.dcm").write_bytes(sample("liver_1frame.dcm"))
    second = invoke("import", folder, "--data", tmp_path / "a", "--report", report)
    assert second.exit_code == 0, second.output
    assert report_of(report) == {Fate.STORED: 1, Fate.ALREADY_STORED: 6, Fate.NOT_DICOM: 3, Fate.DICOMDIR: 1}


@pytest.mark.parametrize(
    ("policy", "fate", "status"),
    [("keep", Fate.KEPT, 1), ("replace", Fate.REPLACED, 0), ("reject", Fate.REFUSED, 1)],
)
def test_other_content_under_a_stored_uid_follows_the_policy(tmp_path: Path, policy: str, fate: Fate, status: int):
    for name, file in (("old", "MR_small.dcm"), ("new", "MR_small_implicit.dcm")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "image").write_bytes(sample(file))
    assert invoke("import", tmp_path / "old", "--data", tmp_path / "a").exit_code == 0
    result = invoke(
        "import", tmp_path / "new", "--data", tmp_path / "a", "--duplicates", policy, "--report", tmp_path / "r"
    )
    assert result.exit_code == status
    assert report_of(tmp_path / "r") == {fate: 1}
    assert invoke("verify", "--data", tmp_path / "a").exit_code == 0
    invoke("export", tmp_path / "out", "--data", tmp_path / "a")
    kept = "MR_small_implicit.dcm" if policy == "replace" else "MR_small.dcm"
    assert [path.read_bytes() for path in (tmp_path / "out").rglob("*.dcm")] == [sample(kept)]


def test_export_gives_back_every_byte_and_is_resumable(folder: Path, tmp_path: Path):
    invoke("import", folder, "--data", tmp_path / "a")
    out = tmp_path / "out"
    first = invoke("export", out, "--data", tmp_path / "a")
    assert first.exit_code == 0, first.output
    assert f"5 instances written to {out}" in first.output
    written = list(out.rglob("*"))
    files = [path for path in written if path.is_file()]
    assert {path.suffix for path in files} == {".dcm"}
    assert {path.read_bytes() for path in files} == {sample(name) for name in GOOD}

    files[0].unlink()
    files[1].write_bytes(b"cut off")
    second = invoke("export", out, "--data", tmp_path / "a")
    assert "2 instances written" in second.output
    assert "3 were there" in second.output
    assert {path.read_bytes() for path in files} == {sample(name) for name in GOOD}


def test_export_of_a_study_a_series_an_instance(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for number, file in enumerate([*series(3), *series(2), sample("MR_small.dcm")]):
        (tmp_path / "in" / str(number)).write_bytes(file)
    assert invoke("import", tmp_path / "in", "--data", tmp_path / "a").exit_code == 0
    invoke("export", tmp_path / "all", "--data", tmp_path / "a")
    by_series: dict[tuple[str, str], list[str]] = {}
    for path in (tmp_path / "all").rglob("*.dcm"):
        by_series.setdefault((path.parts[-3], path.parts[-2]), []).append(path.stem)
    assert sorted(map(len, by_series.values())) == [1, 2, 3]
    (study, series_uid), instances = max(by_series.items(), key=lambda item: len(item[1]))

    for number, (options, expected) in enumerate(
        [
            (["--study", study], 3),
            (["--study", study, "--series", series_uid], 3),
            (["--study", study, "--series", series_uid, "--instance", instances[0]], 1),
        ]
    ):
        out = tmp_path / f"out{number}"
        assert invoke("export", out, "--data", tmp_path / "a", *options).exit_code == 0
        assert len(list(out.rglob("*.dcm"))) == expected


def staged_files(data: Path) -> list[Path]:
    return [path for path in (data / "blobs" / ".stage").rglob("*") if path.is_file()]


def blob_files(data: Path) -> list[Path]:
    return sorted(path for path in (data / "blobs").rglob("*.dcm"))


def test_verify_and_export_find_damage(folder: Path, tmp_path: Path):
    invoke("import", folder, "--data", tmp_path / "a")
    sound = invoke("verify", "--data", tmp_path / "a")
    assert sound.exit_code == 0, sound.output
    assert "5 instances" in sound.output
    assert "none damaged" in sound.output

    corrupt, missing, *_ = blob_files(tmp_path / "a")
    content = bytearray(corrupt.read_bytes())
    content[-1] ^= 1
    corrupt.write_bytes(content)
    missing.unlink()
    result = invoke("verify", "--data", tmp_path / "a")
    assert result.exit_code == 1
    assert "2 damaged" in result.output
    for text in ("wrong digest", "missing", corrupt.name, missing.name):
        assert text in result.output

    exported = invoke("export", tmp_path / "out", "--data", tmp_path / "a")
    assert exported.exit_code == 1
    assert "3 instances written" in exported.output
    assert "2 damaged" in exported.output
    names = {hashlib.sha256(path.read_bytes()).digest() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert len(names) == 3
    assert names <= {hashlib.sha256(sample(name)).digest() for name in GOOD}


def test_sweep_removes_orphans_only(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("filmjacket.maintenance.sweep.SETTLE_SECONDS", 0.5)
    invoke("import", folder, "--data", tmp_path / "a")
    kept = blob_files(tmp_path / "a")
    orphan = kept[0].with_name("0" * 32 + ".dcm")
    orphan.write_bytes(b"left by a crash")
    old = time.time() - 90_000
    os.utime(orphan, (old, old))

    rehearsal = invoke("sweep", "--data", tmp_path / "a", "--dry-run")
    assert "1 without an instance would be removed" in rehearsal.output
    assert orphan.name in rehearsal.output
    assert orphan.exists()
    result = invoke("verify", "--data", tmp_path / "a", "--sweep")
    assert result.exit_code == 0
    assert "1 without an instance removed" in result.output
    assert blob_files(tmp_path / "a") == kept


def test_an_empty_archive_is_fine_for_every_command(tmp_path: Path):
    (tmp_path / "nothing").mkdir()
    for arguments in (["verify"], ["sweep"], ["export", tmp_path / "out"], ["import", tmp_path / "nothing"]):
        result = invoke(*arguments, "--data", tmp_path / "a")
        assert result.exit_code == 0, result.output


def test_files_are_found_lazily_sorted_and_without_walking_links_twice(tmp_path: Path):
    for name in ("b/2", "b/1", "a/x/1", "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "c")
    (tmp_path / "a" / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    found = {str(file.path.relative_to(tmp_path)): file.problem for file in find_files([tmp_path, tmp_path / "c"])}
    assert list(found) == ["c", "pipe", "a/broken", "a/link", "a/x/1", "b/1", "b/2"]
    assert {name for name, problem in found.items() if problem} == {"pipe", "a/broken"}
    assert [file.size for file in find_files([tmp_path / "c"])] == [2]

    walk = find_files([tmp_path])
    assert next(walk).path.name == "c"
    (tmp_path / "b" / "0").write_bytes(b"")
    assert "b/0" in {str(file.path.relative_to(tmp_path)) for file in walk}


def test_an_unreadable_file_does_not_stop_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "in").mkdir()
    for name in ("1", "2", "3"):
        (tmp_path / "in" / name).write_bytes(series(1)[0])
    original = Path.open

    def fail_on_2(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "2":
            raise PermissionError(13, "Permission denied")
        return original(path, *arguments, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]

    archive = open_archive(Settings(data=tmp_path / "a"))
    monkeypatch.setattr(Path, "open", fail_on_2)
    outcomes = list(import_files(archive, [tmp_path / "in"], workers=1))
    archive.close()
    assert [(item.path.name, item.fate, item.reason) for item in outcomes] == [
        ("1", Fate.STORED, ""),
        ("2", Fate.UNREADABLE, "Permission denied"),
        ("3", Fate.STORED, ""),
    ]


def test_a_full_disk_stops_the_import_and_keeps_what_was_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folder_import, "BATCH_FILES", 2)
    (tmp_path / "in").mkdir()
    for number, file in enumerate(copies(6)):
        (tmp_path / "in" / str(number)).write_bytes(file)
    archive = open_archive(Settings(data=tmp_path / "a"))
    publish, calls = archive.blobs.publish, []

    def fill_up(staged: object) -> None:
        calls.append(staged)
        if len(calls) == 2:
            raise OutOfStorage("full")
        publish(staged)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(archive.blobs, "publish", fill_up)
    with pytest.raises(OutOfStorage):
        list(import_files(archive, [tmp_path / "in"], workers=1))
    monkeypatch.undo()
    stored = sum(len(batch) for batch in archive.index.blobs())
    assert stored in {2, 4}
    assert staged_files(tmp_path / "a") == []
    again = Counter(outcome.fate for outcome in import_files(archive, [tmp_path / "in"], workers=2))
    assert again == {Fate.ALREADY_STORED: stored, Fate.STORED: 6 - stored}
    archive.close()


def test_stopping_early_completes_what_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folder_import, "BATCH_FILES", 1)
    (tmp_path / "in").mkdir()
    for number, file in enumerate(copies(12)):
        (tmp_path / "in" / f"{number:02}").write_bytes(file)
    archive = open_archive(Settings(data=tmp_path / "a"))
    outcomes = import_files(archive, [tmp_path / "in"], workers=1)
    assert next(outcomes).fate is Fate.STORED
    outcomes.close()
    stored = sum(len(batch) for batch in archive.index.blobs())
    assert 1 <= stored < 12
    assert len(blob_files(tmp_path / "a")) == stored
    assert staged_files(tmp_path / "a") == []
    archive.close()


def test_ctrl_c_ends_an_import_in_good_order(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for number, file in enumerate(copies(1500)):
        (tmp_path / "in" / f"{number:04}").write_bytes(file)
    command = [sys.executable, "-m", "filmjacket", "import", str(tmp_path / "in"), "--data", str(tmp_path / "a")]
    # Shells start what runs in their background with the signal ignored.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - one thread here
    )
    deadline = time.monotonic() + 30
    while len(blob_files(tmp_path / "a")) < 100 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(2)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    stored = int(out.split("  stored")[0].split()[-1])
    assert 0 < stored < 1500
    assert invoke("verify", "--data", tmp_path / "a").exit_code == 0
    result = invoke("import", tmp_path / "in", "--data", tmp_path / "a")
    assert result.exit_code == 0, result.output
    archive = open_archive(Settings(data=tmp_path / "a"))
    assert sum(len(batch) for batch in archive.index.blobs()) == 1500
    archive.close()


def test_names_in_any_encoding_can_be_printed(tmp_path: Path):
    assert printable(Path(os.fsdecode(b"caf\xe9"))) == "caf\\xe9"
    assert printable(Path("Größe")) == "Größe"


def test_the_demo_loads_real_studies_once(tmp_path: Path):
    assert len(list(sample_paths())) == 15
    archive = open_archive(Settings(data=tmp_path / "demo"))
    loaded = load_samples(archive)
    assert loaded > 30
    assert load_samples(archive) == 0
    ref = instance_to_try(archive)
    assert ref.instance is not None
    assert len(archive.index.instances(ref)) == 1
    archive.close()
