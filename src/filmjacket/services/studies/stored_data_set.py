"""The data set of one stored instance, from the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import orjson

from filmjacket.services.studies.missing import missing_resource

if TYPE_CHECKING:
    from filmjacket.archive.ports import Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.attributes import Attributes


def read_attributes(index: Index, instance: StoredInstance) -> Attributes:
    """The data set of an instance, with references to its bulk values.

    Raises `NotFound` or `Gone` if it was removed since `instance` was read.
    """
    for batch in index.metadata(instance.ref):
        for item in batch:
            return cast("Attributes", orjson.loads(item.document))
    raise missing_resource(index, instance.ref)
