"""Samples on another scale than the others: a picture of 0 to 255 among those of 0 to 1.

A sample counts whose spread is more than thirty times, or less than a thirtieth of, what is
usual, and whose range lies outside of all that the middle 98 % have; and values of features that
are so far out that they can only be mistakes of units or codes for "missing" (-999, 1e9): more
than a hundred times as far from the median as nearly all others. A warning.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, few, plural
from nnlint.audit.parts import Kind
from nnlint.audit.samples import Array
from nnlint.audit.table import HIGHEST, LOWEST, SPREAD, Collected, Part
from nnlint.audit.telling import about, named, number
from nnlint.finding import Level

KIND = "out-of-range"
_TIMES, _FAR = 30, 100
_FEWEST = 20


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare each sample, and each value of a table, with what is usual."""
    for part in data.splits:
        if part.count < _FEWEST:
            continue
        if data.kind in (Kind.IMAGE, Kind.AUDIO):
            yield from _samples(data, part)
        elif data.kind is Kind.TABLE:
            yield from _values(data, part)


def _samples(data: Collected, part: Part) -> Iterator[AuditFinding]:
    spread = part.numbers[:, SPREAD]
    usual = float(np.median(spread[spread > 0])) if (spread > 0).any() else 0.0
    low, high = part.numbers[:, LOWEST], part.numbers[:, HIGHEST]
    if usual <= 0:
        return
    above = (high > 3 * max(np.percentile(high, 90), 0)) & (spread > _TIMES * usual)
    # what is one value throughout is told as constant
    below = (spread * _TIMES < usual) & (high > low) & (high - low < 0.02 * np.median(high - low))
    rows = np.flatnonzero(above | below)
    if len(rows) and len(rows) <= 0.2 * part.count:
        first = rows[0]
        noun = "picture" if data.kind is Kind.IMAGE else "sound"
        verb = "is" if len(rows) == 1 else "are"
        usual_range = f"{number(float(np.median(low)))} to {number(float(np.median(high)))}"
        message = (
            f"{plural(len(rows), noun)} {verb} on another scale: {number(low[first])} to "
            f"{number(high[first])} where the others are {usual_range}: {named(part, rows)}"
        )
        yield about(part, rows, KIND, Level.WARNING, message)


def _values(data: Collected, part: Part) -> Iterator[AuditFinding]:
    for column, name in enumerate(data.features[: part.vectors.shape[1]]):
        values = part.vectors[:, column]
        rows = far_out(values)
        if len(rows):
            told = few([number(float(v)) for v in np.unique(values[rows])], 3)
            verb = "is" if len(rows) == 1 else "are"
            middle = number(float(np.nanmedian(values)))
            message = (
                f"{plural(len(rows), 'value')} of `{name}` {verb} far outside of the others "
                f"({told}; the median is {middle})"
            )
            yield about(part, rows, KIND, Level.WARNING, message, name)


def far_out(values: Array) -> Array:
    """Rows of a feature whose values are of another order of magnitude than all others."""
    finite = np.isfinite(values)
    if finite.sum() < _FEWEST or len(np.unique(values[finite])) < 5:
        return np.zeros(0, int)
    middle = np.median(values[finite])
    apart = np.where(finite, np.abs(values - middle), 0)
    # the farthest of nearly all: heavy tails reach far, but not in one leap
    usual = np.percentile(apart[finite], 99 if finite.sum() >= 200 else 90)
    rows = np.flatnonzero(apart > _FAR * max(usual, 1e-12))
    coded = np.flatnonzero(np.isin(values, (-999, -9999, -99999, 999999, 9999999)))
    if len(coded) and usual > 0:
        others = finite & ~np.isin(np.arange(len(values)), coded)
        reach = np.abs(values[others] - np.median(values[others])).max(initial=0)
        coded = coded[np.abs(values[coded] - middle) > 2 * reach]
        rows = np.union1d(rows, coded)
    return rows if usual > 0 and len(rows) <= 0.2 * len(values) else np.zeros(0, int)
