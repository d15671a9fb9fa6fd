"""Inputs, channels and features that never change.

A picture, sound or text that is one value throughout is a warning; so is a channel of pictures
that is constant over all of them. A feature of a table that is constant is advice: it teaches
nothing. Features that are the pixels of small pictures are no such features: border pixels of
digits never change. Fewer than twenty samples say nothing about features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, few, plural
from nnlint.audit.parts import Kind
from nnlint.audit.pixels import are_pixels
from nnlint.audit.table import HIGHEST, INFINITE, LOWEST, NOT_NUMBERS, Collected, Part
from nnlint.audit.telling import about, named, number
from nnlint.finding import Level

KIND = "constant-input"
_FEWEST = 20


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare the lowest value with the highest."""
    for part in data.splits:
        if data.kind in (Kind.IMAGE, Kind.AUDIO):
            yield from _blank(data, part)
        elif data.kind is Kind.TEXT and part.texts is not None:
            rows = np.array([r for r, text in enumerate(part.texts) if not text.strip()], int)
            if len(rows):
                verb = "is" if len(rows) == 1 else "are"
                message = f"{plural(len(rows), 'text')} {verb} empty: {named(part, rows)}"
                yield about(part, rows, KIND, Level.WARNING, message)
        if part.count >= _FEWEST:
            yield from _channels(data, part)


def _blank(data: Collected, part: Part) -> Iterator[AuditFinding]:
    numbers = part.numbers
    whole = numbers[:, NOT_NUMBERS] + numbers[:, INFINITE] == 0
    rows = np.flatnonzero((numbers[:, LOWEST] == numbers[:, HIGHEST]) & whole)
    if len(rows):
        noun = "picture" if data.kind is Kind.IMAGE else "sound"
        verb = "is" if len(rows) == 1 else "are"
        values = few([number(v) for v in np.unique(numbers[rows, LOWEST])], 3)
        message = (
            f"{plural(len(rows), noun)} {verb} one value throughout ({values}): {named(part, rows)}"
        )
        yield about(part, rows, KIND, Level.WARNING, message)


def _channels(data: Collected, part: Part) -> Iterator[AuditFinding]:
    channels = part.channels
    if channels is None or len(channels.count) < 2:
        return
    still = (channels.lowest == channels.highest) & (channels.count > 0)
    found = np.flatnonzero(still)
    if not len(found) or len(found) == len(still):
        return
    if data.kind is Kind.TABLE:
        if are_pixels(part.vectors):
            return
        names = [data.features[i] if i < len(data.features) else str(i) for i in found]
        verb = "is" if len(names) == 1 else "are"
        told = few([f"`{n}`" for n in names])
        message = f"{plural(len(names), 'feature')} {verb} the same in every sample: {told}"
        yield about(part, [], KIND, Level.ADVICE, message, names[0])
    elif data.kind is Kind.IMAGE:
        for index in found:
            value = number(float(channels.lowest[index]))
            if len(still) == 4 and index == 3:
                continue
            message = f"channel {index} is {value} in every picture"
            yield about(part, [], KIND, Level.WARNING, message, str(index))
