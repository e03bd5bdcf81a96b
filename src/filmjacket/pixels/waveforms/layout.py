"""Puts waveforms on paper: ECG at 25 mm/s and 10 mm/mV as on a recorder, anything else in strips with its scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.dicom.sop_classes import storage_name
from filmjacket.pixels.waveforms.annotations import annotation_lines, identity_lines
from filmjacket.pixels.waveforms.paper import Grid, Label, Paper, Trace
from filmjacket.pixels.waveforms.signals import read_groups

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.waveforms.signals import Channel, Group

SPEED: Final = 25.0
"""Millimetres for a second of ECG."""
GAIN: Final = 10.0
"""Millimetres for a millivolt of ECG."""
SPAN: Final = 250.0
"""Width of the traces: ten seconds of ECG on A4."""

MARGIN: Final = 10.0
PULSE: Final = 10.0
"""Room for the calibration pulse before a row."""
ROW: Final = 30.0
"""Height of a row of ECG; higher, up to twice as high, for higher amplitudes."""
STRIP: Final = 18.0
DENSITY: Final = 16
"""Points for a millimetre; of more samples each column shows lowest and highest, so that no peak is lost."""
_STANDARD: Final = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_LEADS: Final = frozenset(lead for row in _STANDARD for lead in row)


def draw_waveforms(attributes: Attributes, bulk: Callable[[str], bytes], *, identified: bool = True) -> Paper:
    """The sheet of an instance. Patient's data and findings are on it only if it is to be `identified`."""
    groups = read_groups(attributes, bulk)
    kind = (storage_name(get_text(attributes, "00080016") or "") or "Waveform").replace(" Storage", "")
    paper = Paper(kind, 2 * MARGIN + PULSE + SPAN, MARGIN)
    _heading(paper, attributes, kind, identified=identified)
    for number, group in enumerate(groups, 1):
        _group(paper, group, f"{number} of {len(groups)}" if len(groups) > 1 else "")
    omitted = len(get_items(attributes, "54000100")) - len(groups)
    if omitted > 0:
        _line(paper, f"{omitted} further multiplex groups are not drawn.")
    paper.height += MARGIN / 2
    return paper


def _heading(paper: Paper, attributes: Attributes, kind: str, *, identified: bool) -> None:
    paper.height += 4
    paper.labels.append(Label(MARGIN, paper.height, kind, 4.6, bold=True))
    if not identified:
        paper.height += 3
        return
    for line in identity_lines(attributes):
        _line(paper, line)
    top = paper.height
    notes = annotation_lines(attributes)
    for index, line in enumerate(notes):
        column, row = divmod(index, (len(notes) + 2) // 3)
        x = MARGIN + column * (paper.width - 2 * MARGIN) / 3
        paper.labels.append(Label(x, top + 5 + 4.2 * row, line, 3))
        paper.height = max(paper.height, top + 5 + 4.2 * row)
    paper.height += 3


def _line(paper: Paper, text: str) -> None:
    paper.height += 5
    paper.labels.append(Label(MARGIN, paper.height, text, 3.2))


def _group(paper: Paper, group: Group, ordinal: str) -> None:
    leads = {channel.lead: channel for channel in reversed(group.channels) if channel.unit == "mV" and channel.lead}
    electrocardiogram = all(channel.unit == "mV" and channel.lead for channel in group.channels)
    title = " ".join(filter(None, (group.label.capitalize(), f"(group {ordinal})" if ordinal else "")))
    if title:
        paper.height += 6
        paper.labels.append(Label(MARGIN, paper.height, title, 3.6, bold=True))
        paper.height += 1
    if electrocardiogram and leads.keys() >= _LEADS:
        caption = _twelve_leads(paper, group, leads)
    elif electrocardiogram:
        caption = _rows(paper, group)
    else:
        caption = _strips(paper, group)
    filters = {channel.filters for channel in group.channels}
    caption += [f"{group.frequency:g} Hz", f"filter {filters.pop()}" if len(filters) == 1 and "" not in filters else ""]
    if group.omitted:
        caption.append(f"{group.omitted} further channels are not drawn")
    _line(paper, "   ".join(filter(None, caption)))
    paper.height += 2


def _twelve_leads(paper: Paper, group: Group, leads: dict[str, Channel]) -> list[str]:
    """Three rows of four leads and a rhythm strip; short records in full, others a quarter of ten seconds each."""
    shown = min(group.seconds, SPAN / SPEED)
    whole = 4 * group.seconds <= SPAN / SPEED
    column = group.seconds if whole else shown / 4
    rows = len(_STANDARD) + (0 if whole else 1)
    row, cut = _row_height([leads[name] for names in _STANDARD for name in names], group.frequency, shown)
    top = paper.height + 1
    paper.grids.append(Grid(MARGIN, top, PULSE + SPAN, rows * row))
    for number, names in enumerate(_STANDARD):
        zero = top + (number + 0.5) * row
        _pulse(paper, zero)
        for place, name in enumerate(names):
            start = 0.0 if whole else place * column
            x = MARGIN + PULSE + place * column * SPEED
            _trace(paper, leads[name], group.frequency, (start, column), (x, zero, row))
            paper.labels.append(Label(x + 1, zero - row / 2 + 5, name, 3.6, bold=True))
            if place:
                edge = np.array([[x, zero - 3], [x, zero + 3]])
                paper.traces.append(Trace(edge, heavy=False))
    if not whole:
        zero = top + (rows - 0.5) * row
        _pulse(paper, zero)
        _trace(paper, leads["II"], group.frequency, (0.0, shown), (MARGIN + PULSE, zero, row))
        paper.labels.append(Label(MARGIN + PULSE + 1, zero - row / 2 + 5, "II", 3.6, bold=True))
    paper.height = top + rows * row
    return _ecg_caption(group, group.seconds if whole else shown, cut)


def _rows(paper: Paper, group: Group) -> list[str]:
    """ECG with other leads than the standard twelve: one row for each."""
    shown = min(group.seconds, SPAN / SPEED)
    row, cut = _row_height(list(group.channels), group.frequency, shown)
    top = paper.height + 1
    paper.grids.append(Grid(MARGIN, top, PULSE + SPAN, len(group.channels) * row))
    for number, channel in enumerate(group.channels):
        zero = top + (number + 0.5) * row
        _pulse(paper, zero)
        _trace(paper, channel, group.frequency, (0.0, shown), (MARGIN + PULSE, zero, row))
        paper.labels.append(Label(MARGIN + PULSE + 1, zero - row / 2 + 5, channel.lead or channel.name, 3.6, bold=True))
    paper.height = top + len(group.channels) * row
    return _ecg_caption(group, shown, cut)


def _row_height(channels: list[Channel], frequency: float, seconds: float) -> tuple[float, bool]:
    """Height of the rows of a group, and whether something is higher still and has to be cut off."""
    count = max(round(seconds * frequency), 1)
    highest = 0.0
    for channel in channels:
        values = channel.values[:count]
        known = values[np.isfinite(values)]
        if known.size:
            highest = max(highest, float(np.abs(known).max()) * GAIN)
    # A trace may reach into the row above, as on paper, but not through it.
    row = 5 * np.ceil(min(max(ROW, highest * 1.3), 2 * ROW) / 5)
    return float(row), highest > row


def _ecg_caption(group: Group, shown: float, cut: bool) -> list[str]:  # noqa: FBT001 - goes with `_row_height`
    caption = [f"{SPEED:g} mm/s", f"{GAIN:g} mm/mV"]
    if cut:
        caption.append("HIGHER AMPLITUDES ARE CUT OFF")
    if shown < group.seconds - 0.5 / group.frequency:
        caption.append(f"the first {shown:g} s of {group.seconds:g} s")
    return caption


def _pulse(paper: Paper, zero: float) -> None:
    """One millivolt for a fifth of a second."""
    x, high = MARGIN + 2, zero - GAIN
    pulse = [[x, zero], [x + 1, zero], [x + 1, high], [x + 6, high], [x + 6, zero], [x + 7, zero]]
    paper.traces.append(Trace(np.array(pulse)))


def _trace(
    paper: Paper, channel: Channel, frequency: float, window: tuple[float, float], row: tuple[float, float, float]
) -> None:
    """A stretch of a channel in millivolts, from x at the height of zero on, in a row of a height."""
    left, zero, height = row
    first = round(window[0] * frequency)
    values = channel.values[first : first + max(round(window[1] * frequency), 1) + 1]
    y = np.clip(zero - values.astype(np.float64) * GAIN, zero - height, zero + height)
    x = left + np.arange(len(y)) / frequency * SPEED
    _polylines(paper, x, y)


def _strips(paper: Paper, group: Group) -> list[str]:
    """Channels of any kind, each scaled to its own range, which stands beside it."""
    top = paper.height + 2
    for number, channel in enumerate(group.channels):
        base = top + number * STRIP
        known = channel.values[np.isfinite(channel.values)].astype(np.float64)
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        room = STRIP - 5
        scale = room / (high - low) if high > low else 0.0
        x = MARGIN + PULSE + np.linspace(0, SPAN, len(channel.values), endpoint=False)
        y = base + STRIP - 1 - (channel.values.astype(np.float64) - low) * scale
        for level in (base + STRIP - 1, base + STRIP - 1 - room):
            paper.traces.append(Trace(np.array([[MARGIN + PULSE, level], [MARGIN + PULSE + SPAN, level]]), heavy=False))
        _polylines(paper, x, y)
        unit = f" {channel.unit}" if channel.unit else ""
        text = f"{channel.name}   {low:.4g} to {high:.4g}{unit}"
        paper.labels.append(Label(MARGIN + PULSE, base + 3, text, 3, bold=True))
    paper.height = top + len(group.channels) * STRIP
    step = _tick(group.seconds)
    ticks = int(group.seconds / step)
    for number in range(ticks + 1):
        x = MARGIN + PULSE + number * step / group.seconds * SPAN
        paper.traces.append(Trace(np.array([[x, paper.height], [x, paper.height + 1.5]]), heavy=False))
        paper.labels.append(Label(x + 0.5, paper.height + 4, f"{number * step:g} s", 2.6))
    paper.height += 4
    return [f"{group.seconds:.6g} s", f"{SPAN / group.seconds:.3g} mm/s"]


def _tick(seconds: float) -> float:
    """A round step that gives five to twelve marks."""
    power = 10.0 ** np.floor(np.log10(seconds / 5))
    return float(next(power * step for step in (1, 2, 5, 10) if seconds / (power * step) <= 12))


def _polylines(paper: Paper, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Lines through the points, with gaps where there is no value; peaks survive where points are too many."""
    if not len(x):
        return
    x, y = _thinned(x, y)
    known = np.isfinite(y)
    borders = np.flatnonzero(np.diff(known)) + 1
    for piece_x, piece_y in zip(np.split(x, borders), np.split(y, borders), strict=True):
        if len(piece_x) > 1 and np.isfinite(piece_y[0]):
            paper.traces.append(Trace(np.column_stack([piece_x, piece_y])))


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    columns = max(int((x[-1] - x[0]) * DENSITY / 2), 1)
    per_column = len(x) // columns
    if per_column <= 4:
        return x, y
    count = len(x) // per_column
    blocks = y[: count * per_column].reshape(count, per_column)
    # A column without any value stays a gap.
    known = np.isfinite(blocks)
    low = np.where(known, blocks, np.inf).min(axis=1)
    high = np.where(known, blocks, -np.inf).max(axis=1)
    low, high = np.where(known.any(axis=1), low, np.nan), np.where(known.any(axis=1), high, np.nan)
    middle = x[: count * per_column : per_column]
    return np.repeat(middle, 2), np.column_stack([low, high]).ravel()
