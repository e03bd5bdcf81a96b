from __future__ import annotations

import pytest

from filmjacket.errors import FilmjacketError
from filmjacket.jobs.kinds import HTJ2K_LOSSLESS, KINDS, LOSSLESS_TARGETS, UNCOMPRESSED, kind_named
from filmjacket.jobs.records import FINDINGS_KEPT, Progress, Step

REFUSED: dict[str, tuple[str, dict[str, object]]] = {
    "an unknown argument": ("purge", {"force": True}),
    "threads that are none": ("verify", {"threads": 0}),
    "a number that is none": ("sweep", {"grace_hours": "24"}),
    "a lossy target": ("transcode", {"to": "1.2.840.10008.1.2.4.50"}),
    "a native target": ("transcode", {"to": "1.2.840.10008.1.2.1"}),
    "an unknown source": ("transcode", {"from": ["1.2.3"]}),
    "no source": ("transcode", {"from": []}),
    "a study that is no UID": ("transcode", {"study": "../x"}),
    "an export of everything": ("export", {"to": "/tmp/x"}),
    "a relative path": ("export", {"study": "1.2.3", "to": "x"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arguments_are_refused_before_a_job_is_queued(case: str):
    kind, given = REFUSED[case]
    with pytest.raises(FilmjacketError) as caught:
        kind_named(kind).parse(given)
    assert caught.value.offender in given or caught.value.offender == "study"
    assert caught.value.accepted or kind == "purge"


def test_an_unknown_kind_names_those_there_are():
    with pytest.raises(FilmjacketError) as caught:
        kind_named("defragment")
    assert caught.value.accepted == tuple(KINDS)


def test_what_is_left_out_has_a_default():
    given = kind_named("transcode").parse({})
    assert given == {"to": HTJ2K_LOSSLESS, "from": list(UNCOMPRESSED), "study": ""}
    assert HTJ2K_LOSSLESS in LOSSLESS_TARGETS
    assert kind_named("sweep").parse({}) == {"grace_hours": 24}


def test_progress_adds_up_and_stays_small():
    progress = Progress()
    for _ in range(FINDINGS_KEPT):
        progress = progress.after(Step({}, done=2, size=10, counts={"damaged": 2}, findings=["a", "b"]), 0.5)
    assert (progress.done, progress.size, progress.counts) == (200, 1000, {"damaged": 200})
    assert len(progress.findings) == FINDINGS_KEPT
    assert progress.rate == 4.0
