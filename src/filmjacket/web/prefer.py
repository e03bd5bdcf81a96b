"""The request header Prefer (RFC 7240), as far as it has a meaning here: `count=exact` on searches.

PostgREST made the preference known; the number of all matches comes back as `X-Total-Count`. A header and no query
parameter, so that it can never be taken for an attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

EXACT_COUNT: Final = "count=exact"


def wants_exact_count(fields: Sequence[str]) -> bool:
    """Tell whether one of the header fields prefers to be told the number of all matches.

    The first of several `count` preferences decides (RFC 7240 2); what is not understood is ignored.
    """
    for preference in (part for line in fields for part in line.split(",")):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "count":
            return value.strip().strip('"').lower() == "exact"
    return False
