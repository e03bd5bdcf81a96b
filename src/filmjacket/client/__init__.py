"""A client for the services that `dicomweb-client` lacks, for any server of PS3.18 that has them.

Calls are values, made by functions named after the transactions; a `Client` does them, an `AsyncClient` does the same
ones with `await`:

    from filmjacket.client import Client, worklist

    with Client("http://127.0.0.1:8104/dicom-web") as client:
        for workitem in client.pages(worklist.search(ProcedureStepState="SCHEDULED")):
            client.do(worklist.claim(workitem))

Needs httpx2: `pip install 'filmjacket[client]'`.
"""

from __future__ import annotations

from filmjacket.client import changes, commitment, non_patient, performed_steps, scheduled_steps, worklist
from filmjacket.client.calls import Call, Page, RemoteError
from filmjacket.client.data_sets import data_set
from filmjacket.client.transport import AsyncClient, Client

__all__ = [
    "AsyncClient",
    "Call",
    "Client",
    "Page",
    "RemoteError",
    "changes",
    "commitment",
    "data_set",
    "non_patient",
    "performed_steps",
    "scheduled_steps",
    "worklist",
]
