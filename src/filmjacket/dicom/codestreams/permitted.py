"""Which other transfer syntaxes a stream may be labelled with: those whose rules it keeps as well (PS3.5 A.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.codestreams.video import PREFIX

if TYPE_CHECKING:
    from filmjacket.dicom.codestreams.description import StreamDescription

# Number of the syntax that the stream was found to be in -> numbers that are as true of it.
_WIDER: dict[str, tuple[str, ...]] = {
    "50": ("51",),
    "70": ("57",),
    "80": ("81",),
    "90": ("91",),
    "92": ("93",),
    "100": ("101",),
    # BD-compatible, 2D and 3D differ in what no sequence header says (PS3.5 8.2.7 to 8.2.9).
    "102": ("103", "104", "105", "106"),
    "104": ("105", "106"),
    "105": ("104", "106"),
    "107": ("108",),
    "110": ("112",),
    "111": ("112",),
    "201": ("203",),
    "202": ("201", "203"),
}
# Syntaxes with a fragmentable form, whose UID ends in .1; how a stream is fragmented is not its own matter.
_FRAGMENTABLE = frozenset(PREFIX + number for number in ("100", "101", "102", "103", "104", "105", "106"))


def permits(description: StreamDescription, transfer_syntax: str) -> bool:
    """Tell whether the stream may be stored in a transfer syntax, for example the one its sender declared."""
    found = description.transfer_syntax
    if found is None:
        return False
    plain = transfer_syntax.removesuffix(".1")
    wanted = plain if plain in _FRAGMENTABLE else transfer_syntax
    return wanted == found or wanted in {PREFIX + wider for wider in _WIDER.get(found.removeprefix(PREFIX), ())}
