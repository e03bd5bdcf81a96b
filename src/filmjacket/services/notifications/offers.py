"""In which media types the projections of the change log can be had."""

from __future__ import annotations

from typing import Final

from filmjacket.web.media_types import JSON
from filmjacket.web.offers import Offer

EVENT_STREAM: Final = "text/event-stream"
FEED_OFFERS: Final = (Offer(JSON, multipart=False),)
STREAM_OFFERS: Final = (Offer(EVENT_STREAM, multipart=False),)
