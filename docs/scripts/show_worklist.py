"""A modality's worklist on a terminal: what is scheduled for a station, today or on a given day.

Try it: `python docs/scripts/show_worklist.py http://127.0.0.1:8104/dicom-web CT1 20261122`
"""

from __future__ import annotations

import sys
from datetime import date

from filmjacket.client import Client, scheduled_steps
from filmjacket.dicom.attributes import get_items, get_text

STEPS = "00400100"


def main(url: str, station: str, day: str) -> None:
    with Client(url) as client:
        found = client.pages(
            scheduled_steps.search(
                ScheduledProcedureStepSequence__ScheduledStationAETitle=station,
                ScheduledProcedureStepSequence__ScheduledProcedureStepStartDate=day,
            )
        )
        print(f"{'Time':6} {'Patient':28} {'ID':12} {'Modality':8} Procedure")
        for entry in found:
            step = get_items(entry, STEPS)[0]
            texts = (
                (get_text(step, "00400003") or "")[:4],
                (get_text(entry, "00100010") or "")[:28],
                (get_text(entry, "00100020") or "")[:12],
                get_text(step, "00080060") or "",
                get_text(step, "00400007") or get_text(entry, "00321060") or "",
            )
            print("{:6} {:28} {:12} {:8} {}".format(*texts))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else f"{date.today():%Y%m%d}")
