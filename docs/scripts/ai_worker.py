"""An AI worker: claims segmentation work, does it, completes it.

Try it: `filmjacket demo` in one terminal, `python docs/scripts/ai_worker.py http://127.0.0.1:8104/dicom-web` in
another, then create a workitem with the label "Segment lung", as docs/how-to/use-the-client.md shows.
"""

from __future__ import annotations

import sys
from datetime import datetime

from filmjacket.client import Client, RemoteError, data_set, worklist
from filmjacket.dicom.attributes import get_text

AE_TITLE = "LUNG_AI"
LABEL = "Segment lung"
STATION = {"CodeValue": "GPU1", "CodingSchemeDesignator": "99LOCAL", "CodeMeaning": "GPU 1"}
WORK = {"CodeValue": "110005", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Interpretation"}


def work(client: Client, uid: str) -> None:
    """Claim one workitem and do it; somebody else may be faster, and then it is theirs."""
    try:
        lock = client.do(worklist.claim(uid))
    except RemoteError as error:
        print(f"{uid}: not mine ({error.status_code})")
        return
    began = moment()
    progress = [{"ProcedureStepProgress": 50, "ProcedureStepProgressDescription": "looking at the images"}]
    client.do(worklist.update(uid, data_set(ProcedureStepProgressInformationSequence=progress), lock))
    # Here a worker fetches what InputInformationSequence names, and stores its results.
    performed = {
        "PerformedStationNameCodeSequence": [STATION],
        "PerformedProcedureStepStartDateTime": began,
        "PerformedProcedureStepEndDateTime": moment(),
        "PerformedWorkitemCodeSequence": [WORK],
        "OutputInformationSequence": None,
    }
    client.do(worklist.update(uid, data_set(UnifiedProcedureStepPerformedProcedureSequence=[performed]), lock))
    client.do(worklist.complete(uid, lock))
    print(f"{uid}: completed")


def moment() -> str:
    """Now, as DICOM writes it."""
    return datetime.now().astimezone().strftime("%Y%m%d%H%M%S%z")


def main(url: str, once: bool) -> None:
    with Client(url) as client:
        socket = client.do(worklist.subscribe(AE_TITLE, matching={"ProcedureStepLabel": LABEL}))
        waiting = client.pages(
            worklist.search(ProcedureStepLabel=LABEL, ProcedureStepState="SCHEDULED", InputReadinessState="READY")
        )
        for workitem in waiting:
            work(client, worklist.uid_of(workitem))
        if once:
            return
        for event in client.events(socket):
            if get_text(event, "00741000") == "SCHEDULED" and get_text(event, "00404041") == "READY":
                work(client, get_text(event, "00001000") or "")


if __name__ == "__main__":
    main(sys.argv[1], once="--once" in sys.argv)
