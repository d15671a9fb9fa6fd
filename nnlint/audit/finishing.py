"""What was collected becomes the table that the checks look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlint.audit.collecting import Collector, Growing
from nnlint.audit.features import of_texts
from nnlint.audit.parts import MOST_CLASSES, Kind, Parts
from nnlint.audit.samples import Array
from nnlint.audit.table import Collected, Masks, Part

_MOST_LEVELS = 20
"""Categories of a feature that are told apart where rows are compared."""


def finished(collector: Collector, seed: int) -> Collected | None:
    """The table of all splits; None where no sample was read."""
    parts = collector.parts
    growing = [g for g in collector.splits.values() if g.count]
    growing.sort(key=_turn)
    if parts is None or not growing:
        return None
    labels, classes, are_classes, note = _labels(growing, collector.known.classes)
    vectors, features = _vectors(growing, parts, collector.features, seed)
    splits = [
        _part(g, parts, vectors[row], labels[row], are_classes) for row, g in enumerate(growing)
    ]
    if note:
        collector.note(note)
    return Collected(
        parts,
        splits,
        collector.known,
        classes,
        collector.problems,
        collector.notes,
        features,
        seed=seed,
    )


def _turn(growing: Growing) -> int:
    """Training comes first, tests last, other splits as they came."""
    name = growing.info.name.lower()
    return 0 if name.startswith("train") else 2 if name.startswith("test") else 1


def _flat(growing: Growing, name: str) -> list[Any]:
    return [value for piece in growing.lists.get(name, ()) for value in piece]


def _part(
    growing: Growing, parts: Parts, vectors: Array, labels: Array | None, are_classes: bool
) -> Part:
    lists = growing.lists
    groups, times = _flat(growing, "groups"), _flat(growing, "times")
    names = _flat(growing, "names")
    pictured = parts.kind is Kind.IMAGE
    return Part(
        growing.info,
        growing.count,
        np.concatenate(lists["indices"]),
        np.concatenate(lists["digests"]),
        np.concatenate(lists["numbers"]),
        vectors,
        labels,
        are_classes,
        np.array(["" if g is None else str(g) for g in groups]) if groups else None,
        _times(times),
        names if len(names) == growing.count else None,
        np.concatenate(lists["hashes"]) if pictured else None,
        _stack(_flat(growing, "thumbs")) if pictured else None,
        _flat(growing, "shapes"),
        _flat(growing, "texts") or None,
        _masks(growing),
        growing.channels,
        growing.first,
        growing.stopped,
        growing.repeats,
    )


def _stack(rows: list[Array]) -> Array | None:
    """Rows of one shape as an array; those of another shape than most are blank."""
    if not rows:
        return None
    shapes = [row.shape for row in rows]
    common = max(set(shapes), key=shapes.count)
    return np.stack([r if r.shape == common else np.zeros(common, r.dtype) for r in rows])


def _masks(growing: Growing) -> Masks | None:
    if not growing.mask_sizes:
        return None
    lists = growing.lists
    return Masks(
        growing.mask_sizes,
        growing.image_sizes,
        growing.mask_values,
        np.stack(lists["small_masks"]),
        np.stack(lists["small_images"]),
    )


def _labels(
    splits: Sequence[Growing], named: tuple[str, ...] | None
) -> tuple[list[Array | None], tuple[str, ...], bool, str]:
    """Labels as numbers; the names of classes; whether they are classes; what to tell."""
    raw = [_flat(g, "labels") for g in splits]
    told = [v for values in raw for v in values if v is not None]
    if not told:
        return [None] * len(raw), (), False, ""
    if any(isinstance(v, tuple) for v in told):
        return _from_rows(raw, told)
    if any(isinstance(v, str) for v in told):
        words = [[None if v is None or v == "" else str(v) for v in values] for values in raw]
        classes = named or tuple(sorted({w for values in words for w in values if w is not None}))
        if len(classes) > MOST_CLASSES:
            return [None] * len(raw), (), False, "labels are texts, which are not compared"
        codes = {name: float(code) for code, name in enumerate(classes)}
        numbers = [
            np.array([codes.get(w, np.nan) if w is not None else np.nan for w in values])
            for values in words
        ]
        return list(numbers), classes, True, ""
    arrays = [np.array([np.nan if v is None else float(v) for v in values]) for values in raw]
    whole = np.concatenate(arrays)
    finite = whole[np.isfinite(whole)]
    distinct = np.unique(finite)
    integral = bool((finite == np.round(finite)).all())
    whole_numbers = all(not isinstance(v, float) for v in told)
    few = len(distinct) <= max(20, len(finite) // 10) or whole_numbers
    if not (integral and few and len(distinct) <= MOST_CLASSES):
        return list(arrays), (), False, ""
    highest = int(distinct.max(initial=-1))
    if named is None and 0 <= highest <= MOST_CLASSES:
        named = tuple(str(c) for c in range(highest + 1))
    return list(arrays), named or (), True, ""


def _from_rows(
    raw: list[list[Any]], told: list[Any]
) -> tuple[list[Array | None], tuple[str, ...], bool, str]:
    """Labels that are rows: one-hot, or several at once, which are left out."""
    width = len(told[0])
    matrix = np.array([v for v in told if isinstance(v, tuple) and len(v) == width], float)
    one_hot = bool(np.isin(matrix, (0, 1)).all() and (matrix.sum(1) == 1).all())
    if not one_hot or len(matrix) < len(told):
        note = f"labels are rows of {width} numbers: checks of single labels are left out"
        return [None] * len(raw), (), False, note
    arrays: list[Array | None] = [
        np.array([float(np.argmax(v)) if v is not None else np.nan for v in values])
        for values in raw
    ]
    return arrays, tuple(str(c) for c in range(width)), True, ""


def _times(values: list[Any]) -> Array | None:
    """Times as numbers."""
    if not values:
        return None
    if all(v is None or isinstance(v, int | float) for v in values):
        return np.array([np.nan if v is None else float(v) for v in values])
    import pandas

    read = pandas.to_datetime(pandas.Series(values), errors="coerce", utc=True, format="mixed")
    numbers = read.astype("int64").to_numpy(float) if len(read) else np.zeros(0)
    numbers[read.isna().to_numpy()] = np.nan
    return np.asarray(numbers) if np.isfinite(numbers).any() else None


def _vectors(
    splits: Sequence[Growing], parts: Parts, names: tuple[str, ...], seed: int
) -> tuple[list[Array], tuple[str, ...]]:
    ends = np.cumsum([g.count for g in splits])[:-1]
    if parts.kind in (Kind.TEXT, Kind.IDS):
        texts = [text for g in splits for text in _flat(g, "texts")]
        if not any(texts):
            return [np.zeros((g.count, 1), np.float32) for g in splits], names
        found = of_texts(texts, parts.kind is Kind.IDS, seed)
        return np.split(found, ends), names
    if parts.kind in (Kind.IMAGE, Kind.AUDIO):
        rows = [row for g in splits for row in _flat(g, "vectors")]
        stacked = _stack([np.asarray(r, np.float32) for r in rows])
        assert stacked is not None
        return np.split(stacked, ends), names
    matrix = np.concatenate([v for g in splits for v in g.lists["vectors"]])
    more, levels = _categories(splits)
    width = matrix.shape[1]
    # what stands for very many features has no names
    features = names if width == len(names) else tuple(f"mixture {i}" for i in range(width))
    whole = np.concatenate([matrix, more], 1) if more.shape[1] else matrix
    return np.split(whole.astype(np.float64), ends), (*features, *levels)


def _categories(splits: Sequence[Growing]) -> tuple[Array, tuple[str, ...]]:
    """Categories as columns of zeros and ones."""
    names = dict.fromkeys(n for g in splits for n in g.lists if n.startswith("category "))
    columns, told = [], []
    count = sum(g.count for g in splits)
    for name in names:
        values = np.array([str(v) for g in splits for v in _flat(g, name)])
        if len(values) != count:
            continue
        levels, frequency = np.unique(values, return_counts=True)
        for level in levels[np.argsort(-frequency)][:_MOST_LEVELS]:
            columns.append((values == level) * (0.5**0.5))
            told.append(f"{name.removeprefix('category ')} = {level}")
    matrix = np.stack(columns, 1) if columns else np.zeros((count, 0))
    return matrix, tuple(told)
