"""Inputs as the net gets them, against what they were meant to be.

Only what a loader or data set gives is looked at: files are not yet normalised. `--meant` says
what is meant: `standard` (mean 0, deviation 1 of each channel), `unit` (0 to 1), `symmetric`
(-1 to 1) or `bytes` (0 to 255). Without it, reported are bytes that were never scaled, values
divided by 255 twice, constants of another data set or scale (a channel's mean further than two
of its deviations from 0, in pictures with negative values), splits that are normalised
differently, and tables whose features differ more than a thousandfold in scale.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, few
from nnlint.audit.parts import Kind
from nnlint.audit.pixels import are_pixels
from nnlint.audit.table import Channels, Collected, Part
from nnlint.audit.telling import about, number
from nnlint.finding import Level

KIND = "normalization"
_FILES = ("pictures", "table", "arrow")
_FEWEST = 20


def check(data: Collected) -> Iterator[AuditFinding]:
    """Look at mean, deviation and range of each channel."""
    if data.kind not in (Kind.IMAGE, Kind.AUDIO, Kind.TABLE):
        return
    parts = [
        p
        for p in data.splits
        if p.channels is not None and p.info.source not in _FILES and p.count >= _FEWEST
    ]
    told = False
    for part in parts:
        assert part.channels is not None
        message = _against(part.channels, data.meant) if data.meant else _unmeant(data, part)
        if message:
            told = True
            level = Level.ERROR if data.meant else Level.WARNING
            yield about(part, [], KIND, level, message)
    if not told:
        yield from _between(data, parts)


def _range(channels: Channels) -> tuple[float, float]:
    return float(channels.lowest.min()), float(channels.highest.max())


def in_words(channels: Channels) -> str:
    """Mean and deviation of each channel: `mean 0.13, deviation 0.31`."""
    means = few([number(float(m)) for m in channels.mean], 3)
    spreads = few([number(float(s)) for s in channels.spread], 3)
    return f"mean {means}, deviation {spreads}"


def _against(channels: Channels, meant: str) -> str:
    low, high = _range(channels)
    if meant == "standard":
        off = (np.abs(channels.mean) > 0.5) | (channels.spread > 2) | (channels.spread < 0.4)
        still = channels.lowest == channels.highest
        return f"inputs are meant to be standardised and are not: {in_words(channels)}" * bool(
            (off & ~still).any()
        )
    bounds = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0), "bytes": (0.0, 255.0)}[meant]
    slack = 1e-3 * (bounds[1] - bounds[0])
    outside = low < bounds[0] - slack or high > bounds[1] + slack
    # within the bounds, and using so little of them that it is another scale
    unused = high - low < 0.05 * (bounds[1] - bounds[0]) or (meant == "symmetric" and low >= 0)
    if not outside and not unused:
        return ""
    wanted = f"{number(bounds[0])} to {number(bounds[1])}"
    return f"inputs are meant to be {wanted} and are {number(low)} to {number(high)}"


def _unmeant(data: Collected, part: Part) -> str:
    channels = part.channels
    assert channels is not None
    low, high = _range(channels)
    if data.kind is Kind.TABLE:
        return _scales(data, part)
    if data.kind is Kind.AUDIO:
        large = f"sounds reach {number(max(high, -low))}: samples of 16 bits that were not scaled"
        return large if max(high, -low) > 2000 else ""
    if low >= 0 and 100 < high <= 255 and high == round(high):
        if "uint8" in "".join(part.shapes[:1]) and part.info.source == "dataset":
            return ""
        return f"pictures enter the net as bytes, 0 to {number(high)}: {in_words(channels)}"
    if low >= 0 and 0 < high <= 1 / 255 + 1e-6:
        return f"pictures reach only {number(high)}: divided by 255 twice"
    spread = np.maximum(channels.spread, 1e-12)
    far = np.abs(channels.mean) / spread
    if low < 0 and (far > 2).any():
        return f"normalised with constants of other data: {in_words(channels)}"
    if low < -20 or (low < 0 and float(channels.spread.max()) > 8):
        return f"normalised on another scale than the data's: {in_words(channels)}"
    twice = low < 0 and bool((channels.mean < -1.2).all()) and high < 10
    return f"normalised twice: {in_words(channels)}" if twice else ""


def _scales(data: Collected, part: Part) -> str:
    channels = part.channels
    assert channels is not None
    if len(channels.count) < 2 or are_pixels(part.vectors):
        return ""
    spread = channels.spread
    moving = np.flatnonzero(spread > 0)
    if len(moving) < 2:
        return ""
    least, most = moving[spread[moving].argmin()], moving[spread[moving].argmax()]
    ratio = spread[most] / spread[least]
    if ratio < 1000:
        return ""
    names = data.features
    return (
        f"features are not scaled: `{names[most]}` spreads {number(round(ratio))} times as far "
        f"as `{names[least]}`"
    )


def _between(data: Collected, parts: list[Part]) -> Iterator[AuditFinding]:
    """Splits that are on different scales."""
    if data.kind is Kind.TABLE or len(parts) < 2:
        return
    first = parts[0]
    for part in parts[1:]:
        a, b = first.channels, part.channels
        assert a is not None and b is not None
        if len(a.count) != len(b.count):
            continue
        spread = np.maximum(np.minimum(a.spread, b.spread), 1e-12)
        ratio = np.maximum(a.spread, b.spread) / spread
        apart = np.abs(a.mean - b.mean) / np.maximum(a.spread, b.spread).clip(1e-12)
        if (ratio > 3).any() or (apart > 1.2).any():
            message = (
                f"`{part.name}` is normalised differently from `{first.name}`: "
                f"{in_words(b)} against {in_words(a)}"
            )
            yield about(part, [], KIND, Level.WARNING, message)
