"""Channels of waveforms in physical units, out of interleaved samples (PS3.3 C.10.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from filmjacket.dicom.attributes import get_bytes, get_integer, get_items, get_text
from filmjacket.errors import DicomError, NotAcceptable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes

MAX_GROUPS: Final = 8
"""Multiplex groups of an instance that are drawn; the standard's IODs allow up to 5 of most kinds."""
MAX_CHANNELS: Final = 64
"""Channels of a group that are drawn, an EEG of 64 electrodes."""

_DATA: Final = "54001010"
_PADDING: Final = "5400100A"
_SAMPLES: Final = {
    ("SB", 8): "<i1",
    ("UB", 8): "<u1",
    ("SS", 16): "<i2",
    ("US", 16): "<u2",
    ("SL", 32): "<i4",
    ("UL", 32): "<u4",
    ("SV", 64): "<i8",
    ("UV", 64): "<u8",
}
_MILLIVOLTS: Final = {"mV": 1.0, "uV": 0.001, "V": 1000.0, "nV": 1e-6}
_LEAD: Final = re.compile(r"(?:^|[^A-Za-z])(III|II|I|aV[RLF]|V[1-6])(?:$|[^A-Za-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: `values` in `unit`, NaN where there is none. `lead` is the ECG lead, `I` to `V6`, or empty."""

    name: str
    lead: str
    unit: str
    values: NDArray[np.float32]
    filters: str


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that were sampled together."""

    label: str
    frequency: float
    channels: tuple[Channel, ...]
    omitted: int

    @property
    def seconds(self) -> float:
        """How long the group lasts."""
        return max((len(channel.values) for channel in self.channels), default=0) / self.frequency


def read_groups(attributes: Attributes, bulk: Callable[[str], bytes]) -> tuple[Group, ...]:
    """The multiplex groups of an instance; `bulk` reads Waveform Data that metadata leave out.

    Raises `DicomError` for attributes that contradict each other, `NotAcceptable` for companded samples.
    """
    items = get_items(attributes, "54000100")
    if not items:
        raise _unreadable("it has no Waveform Sequence (5400,0100)")
    return tuple(_read_group(item, bulk) for item in items[:MAX_GROUPS])


def _read_group(item: Attributes, bulk: Callable[[str], bytes]) -> Group:
    definitions = get_items(item, "003A0200")
    channels = get_integer(item, "003A0005") or len(definitions)
    frequency = _number(item, "003A001A")
    if not channels or channels < 0 or not frequency or not 0 < frequency < 1e12:
        raise _unreadable("a multiplex group has no channels or no Sampling Frequency (003A,001A)")
    raw = _samples(item, channels, bulk)
    shown = min(channels, MAX_CHANNELS)
    padding = _padding(item, raw.dtype)
    read = tuple(
        _channel(definitions[number] if number < len(definitions) else {}, number, raw[:, number], padding)
        for number in range(shown)
    )
    return Group((get_text(item, "003A0020") or "").strip(), frequency, read, channels - shown)


def _samples(item: Attributes, channels: int, bulk: Callable[[str], bytes]) -> NDArray[np.generic]:
    """Samples as (moments, channels): the channels of one moment stand together (C.10.9.1.7)."""
    interpretation = (get_text(item, "54001006") or "").strip().upper()
    if interpretation in {"MB", "AB"}:
        law = "mu-law" if interpretation == "MB" else "A-law"
        raise NotAcceptable(
            f"Waveforms with companded samples ({law}) are not drawn here.",
            section="PS3.3 C.10.9.1.5",
            offender="Waveform Sample Interpretation (5400,1006)",
            accepted=("application/dicom",),
        )
    dtype = _SAMPLES.get((interpretation, get_integer(item, "54001004") or 0))
    if dtype is None:
        raise _unreadable(
            "Waveform Sample Interpretation (5400,1006) and Bits Allocated (5400,1004) do not fit together"
        )
    raw = get_bytes(item, _DATA, bulk) or b""
    size = np.dtype(dtype).itemsize
    moments = len(raw) // (size * channels)
    told = get_integer(item, "003A0010")
    if told is not None and told > moments:
        raise _unreadable("Waveform Data (5400,1010) ends before the last of its samples (003A,0010)")
    count = moments if told is None else told
    if count < 1:
        raise _unreadable("a multiplex group has no samples")
    return np.frombuffer(raw, dtype, count * channels).reshape(count, channels)


def _padding(item: Attributes, dtype: np.dtype[np.generic]) -> np.generic | None:
    raw = get_bytes(item, _PADDING, lambda _: b"") or b""
    return np.frombuffer(raw, dtype, 1)[0] if len(raw) >= dtype.itemsize else None


def _channel(definition: Attributes, number: int, raw: NDArray[np.generic], padding: np.generic | None) -> Channel:
    source = _code(definition, "003A0208")
    label = (get_text(definition, "003A0203") or "").strip()
    meaning = source[1]
    unit = _code(definition, "003A0211")[0]
    values = raw.astype(np.float64)
    sensitivity = _number(definition, "003A0210")
    if sensitivity:
        # C.10.9.1.4.2: the unit quantity of a sample, its correction, and the offset of sample 0.
        correction = _number(definition, "003A0212")
        values = values * (sensitivity * (1.0 if correction is None else correction))
        values += _number(definition, "003A0213") or 0.0
    if padding is not None:
        values[raw == padding] = np.nan
    factor = _MILLIVOLTS.get(unit) if sensitivity else None
    if factor is not None:
        values, unit = values * factor, "mV"
    return Channel(
        name=label or meaning or f"Channel {number + 1}",
        lead=_lead_of(label) or _lead_of(meaning),
        unit=unit.replace("[", "").replace("]", "") if sensitivity else "",
        values=values.astype(np.float32),
        filters=_filters(definition),
    )


def _lead_of(text: str) -> str:
    match = _LEAD.search(text.replace("_", " "))
    if not match:
        return ""
    lead = match[1].upper()
    return f"aV{lead[-1]}" if lead.startswith("AV") else lead


def _filters(definition: Attributes) -> str:
    low, high = _number(definition, "003A0220"), _number(definition, "003A0221")
    notch = _number(definition, "003A0222")
    parts: list[str] = []
    if low is not None and high is not None:
        parts.append(f"{low:g}–{high:g} Hz")
    elif low is not None or high is not None:
        parts.append(f"above {low:g} Hz" if low is not None else f"below {high:g} Hz")
    if notch:
        parts.append(f"notch {notch:g} Hz")
    return ", ".join(parts)


def _code(attributes: Attributes, tag: str) -> tuple[str, str]:
    items = get_items(attributes, tag)
    if not items:
        return "", ""
    return get_text(items[0], "00080100") or "", get_text(items[0], "00080104") or ""


def _number(attributes: Attributes, tag: str) -> float | None:
    text = get_text(attributes, tag)
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is not None and np.isfinite(number) else None


def _unreadable(why: str) -> DicomError:
    return DicomError(
        f"The waveform cannot be drawn: {why}.", section="PS3.3 C.10.9", offender="Waveform Sequence (5400,0100)"
    )
