"""Samples come in by the batch; a few numbers of each stay."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nnlint.audit.features import (
    THUMB,
    alike,
    as_pictures,
    hashes_of,
    of_sound,
    picked,
    shrunk,
    thumbs_of,
    vectors_of,
)
from nnlint.audit.parts import Kind, Parts, parts_of
from nnlint.audit.samples import (
    Array,
    Batch,
    Column,
    Items,
    Problem,
    Roles,
    SplitInfo,
    Strange,
    Texts,
)
from nnlint.audit.table import Channels

MOST_TEXT = 2000
"""Characters of a text that are compared."""
_SHOWN = 32
_MOST_MASKS = 2000
_WIDEST = 512
_PROJECTED = 256
OnProgress = Callable[[str, int, int | None], None]


class Growing:
    """One split while it is read: lists of arrays, joined in the end."""

    def __init__(self, info: SplitInfo) -> None:
        self.info = info
        self.parts: Parts | None = None
        """What its columns are; splits may call them differently."""
        self.count = self.repeats = 0
        self.seen: set[int] = set()
        self.stopped = ""
        self.lists: dict[str, list[Any]] = {}
        self.channels: Channels | None = None
        self.first: dict[str, Column] = {}
        self.mask_sizes: list[tuple[int, ...]] = []
        self.image_sizes: list[tuple[int, ...]] = []
        self.mask_values: list[tuple[int, ...]] = []

    def add(self, name: str, values: Any) -> None:
        """More values of a field."""
        self.lists.setdefault(name, []).append(values)


class Collector:
    """Where readers put samples (`Sink`).

    Parameters:
        limit: samples to take of each split.
        asked: what the user said of the columns.
    """

    def __init__(self, limit: int, asked: Roles, on_progress: OnProgress | None = None) -> None:
        self.limit, self.asked = limit, asked
        self.known = asked
        self.on_progress = on_progress
        self.splits: dict[str, Growing] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.parts: Parts | None = None
        self.features: tuple[str, ...] = ()
        self._scale: tuple[Array, Array, Array] | None = None

    def split(self, info: SplitInfo) -> None:
        """A split begins."""
        self.splits[info.name] = Growing(info)

    def roles(self, roles: Roles) -> None:
        """What a reader knows; what the user said comes first."""
        asked = self.asked
        self.known = Roles(
            asked.label or roles.label,
            asked.group or roles.group,
            asked.time or roles.time,
            asked.classes or roles.classes,
            asked.without_label or (roles.without_label and not asked.label),
        )

    def problem(self, problem: Problem) -> None:
        """Something cannot be read."""
        self.problems.append(problem)

    def note(self, text: str) -> None:
        """Something worth knowing."""
        if text not in self.notes:
            self.notes.append(text)

    def batch(self, batch: Batch) -> bool:
        """Take samples; tells whether more of the split are wanted."""
        growing = self.splits.setdefault(batch.split, Growing(SplitInfo(batch.split)))
        if all(isinstance(column, Strange) for column in batch.columns.values()):
            self._unseen(growing, batch)
            return False
        if not self._understood(growing, batch):
            return False
        if not growing.first:
            growing.first = _shown(batch)
        rows = self._new_rows(growing, batch)
        if len(rows):
            self._take(growing, batch, rows)
        if self.on_progress:
            total = growing.info.total
            self.on_progress(batch.split, growing.count, min(total, self.limit) if total else None)
        if growing.count >= self.limit:
            growing.stopped = growing.stopped or "limit"
            return False
        return True

    def _understood(self, growing: Growing, batch: Batch) -> bool:
        """Whether the split's columns are known; a split of other inputs than the first is told."""
        if growing.parts is not None:
            return True
        found = parts_of(batch.columns, self.known)
        if self.parts is None:
            self.parts = found
        elif found.kind is not self.parts.kind and not set(self.parts.inputs) <= set(batch.columns):
            message = f"its inputs are of the kind {found.kind.value}, not {self.parts.kind.value}"
            self.problems.append(Problem(batch.split, f"{message}: left out", kind="odd-shapes"))
            return False
        same = set(self.parts.inputs) <= set(batch.columns)
        growing.parts = self.parts if same else found
        return True

    def _unseen(self, growing: Growing, batch: Batch) -> None:
        told = ", ".join(f"`{c.told}`" for c in batch.columns.values() if isinstance(c, Strange))
        message = f"samples hold neither numbers nor texts: {told or 'nothing'}"
        if all(p.message != message or p.split != batch.split for p in self.problems):
            self.problems.append(Problem(batch.split, message))

    def _new_rows(self, growing: Growing, batch: Batch) -> Array:
        """Rows of samples that were not there before, as far as there is room."""
        room = max(0, self.limit - growing.count)
        if batch.indices is None:
            return np.arange(min(batch.count, room))
        rows: list[int] = []
        for row, index in enumerate(batch.indices):
            if index in growing.seen:
                growing.repeats += 1
            elif len(rows) < room:
                growing.seen.add(index)
                rows.append(row)
        return np.array(rows, int)

    def _take(self, growing: Growing, batch: Batch, rows: Array) -> None:
        parts = growing.parts
        assert parts is not None
        start = growing.count
        if batch.indices is not None:
            growing.add("indices", np.array(batch.indices)[rows])
        else:
            growing.add("indices", np.arange(start, start + len(rows)))
        if batch.names is not None:
            growing.add("names", [batch.names[r] for r in rows])
        for field, name in (
            ("labels", parts.label),
            ("groups", parts.group),
            ("times", parts.time),
        ):
            if name is not None:
                growing.add(field, _values(batch.columns.get(name), rows))
        inputs = [
            (n, _taken(c, rows))
            for n in parts.inputs
            if (c := batch.columns.get(n)) is not None and not isinstance(c, Strange)
        ]
        self._inputs(growing, parts, inputs, len(rows))
        if parts.mask is not None:
            self._masks(growing, batch, rows, parts)
        growing.count += len(rows)

    def _inputs(
        self, growing: Growing, parts: Parts, inputs: list[tuple[str, Column]], count: int
    ) -> None:
        growing.add("digests", digests(inputs, count))
        growing.add("shapes", _shape_words(inputs, count))
        if parts.kind in (Kind.IMAGE, Kind.AUDIO) and inputs:
            ragged = isinstance(inputs[0][1], Items)
            for values in _uniform(inputs[0][1]):
                self._dense(growing, parts, values, ragged)
        elif parts.kind in (Kind.TEXT, Kind.IDS):
            growing.add("texts", _as_texts(inputs, count))
            self._plain_numbers(growing, inputs, count)
        else:
            self._row(growing, inputs, count)

    def _dense(self, growing: Growing, parts: Parts, values: Array, ragged: bool) -> None:
        """Pictures or sounds of one size."""
        growing.add("numbers", numbers_of(values))
        if parts.kind is Kind.AUDIO:
            growing.add("vectors", np.stack([of_sound(v) for v in values]))
            flat = values.reshape(len(values), -1, values.shape[-1])
            growing.channels = joined(growing.channels, channels_of(np.moveaxis(flat, 1, -1)))
            return
        pictures = as_pictures(values, parts.channels_last)
        small = alike(pictures) if ragged else pictures
        thumbs = thumbs_of(small)
        growing.add("thumbs", list(thumbs))
        growing.add("hashes", hashes_of(thumbs))
        growing.add("vectors", list(vectors_of(small)))
        growing.channels = joined(growing.channels, channels_of(pictures))

    def _plain_numbers(
        self, growing: Growing, inputs: list[tuple[str, Column]], count: int
    ) -> None:
        arrays = [c for _, c in inputs if isinstance(c, np.ndarray)]
        growing.add("numbers", numbers_of(arrays[0]) if arrays else np.zeros((count, 6)))

    def _row(self, growing: Growing, inputs: list[tuple[str, Column]], count: int) -> None:
        """Features of a table: numbers side by side, categories as they are."""
        columns, names = [], []
        for name, column in inputs:
            if isinstance(column, Texts):
                growing.add(f"category {name}", list(column.values))
            elif isinstance(column, np.ndarray):
                flat = column.reshape(count, -1).astype(np.float64)
                columns.append(flat)
                single = flat.shape[1] == 1
                names += [name] if single else [f"{name}[{i}]" for i in range(flat.shape[1])]
        matrix = np.concatenate(columns, 1) if columns else np.zeros((count, 0))
        if not self.features:
            self.features = tuple(names)
        if matrix.shape[1] != len(self.features):
            # a row of another width is told by its shape
            matrix = np.full((count, len(self.features)), np.nan)
        growing.add("numbers", numbers_of(matrix))
        growing.channels = joined(growing.channels, channels_of(matrix))
        growing.add("vectors", self._narrowed(matrix))

    def _narrowed(self, matrix: Array) -> Array:
        """Rows of very many features as random mixtures of them."""
        width = matrix.shape[1]
        if width <= _WIDEST:
            return matrix
        if self._scale is None:
            draws = np.random.default_rng(0).standard_normal((width, _PROJECTED))
            filled = np.nan_to_num(matrix)
            self._scale = (filled.mean(0), filled.std(0) + 1e-9, draws / width**0.5)
        mean, spread, mix = self._scale
        return np.asarray((np.nan_to_num(matrix) - mean) / spread @ mix)

    def _masks(self, growing: Growing, batch: Batch, rows: Array, parts: Parts) -> None:
        image = _taken(batch.columns[parts.inputs[0]], rows)
        mask = _taken(batch.columns[str(parts.mask)], rows)
        for picture, drawn in zip(_each(image), _each(mask), strict=True):
            if picture is None or drawn is None:
                continue
            shown = as_pictures(picture[None], parts.channels_last)
            flat = as_pictures(drawn[None], drawn.ndim == 3 and drawn.shape[-1] in (1, 3, 4))
            growing.image_sizes.append(tuple(shown.shape[1:3]))
            growing.mask_sizes.append(tuple(flat.shape[1:3]))
            values = np.unique(flat[..., 0])
            values = values[np.isfinite(values)]
            growing.mask_values.append(tuple(int(v) for v in (*values[:3], *values[-3:])))
            if len(growing.lists.get("small_masks", ())) < _MOST_MASKS and flat.size:
                growing.add("small_masks", picked(flat[..., 0], THUMB)[0])
                growing.add("small_images", _sized(shown))


def _sized(picture: Array) -> Array:
    """A picture without colours, of the size that masks are compared at."""
    small = shrunk(picture.astype(np.float32).mean(-1, keepdims=True), THUMB)
    return np.asarray(picked(small[..., 0], THUMB)[0])


def _shown(batch: Batch) -> dict[str, Column]:
    rows = np.arange(min(batch.count, _SHOWN))
    return {
        name: _taken(column, rows)
        for name, column in batch.columns.items()
        if not isinstance(column, Strange)
    }


def _taken(column: Column, rows: Array) -> Column:
    if isinstance(column, Strange):
        return column
    if isinstance(column, np.ndarray):
        return column[rows]
    if isinstance(column, Texts):
        return Texts(tuple(column.values[r] for r in rows))
    return Items(tuple(column.values[r] for r in rows))


def _values(column: Column | None, rows: Array) -> list[Any]:
    if column is None or isinstance(column, Strange):
        return [None] * len(rows)
    if isinstance(column, np.ndarray) and column.ndim == 2 and column.shape[1] > 1:
        return [tuple(v.tolist()) for v in column[rows]]
    if isinstance(column, np.ndarray):
        return list(column[rows].reshape(len(rows), -1)[:, 0].tolist()) if column.size else []
    if isinstance(column, Texts):
        return [column.values[r] for r in rows]
    found = [column.values[r] for r in rows]
    return [v.ravel()[0].item() if v is not None and v.size else None for v in found]


def _each(column: Column) -> list[Array | None]:
    if isinstance(column, np.ndarray):
        return list(column)
    return list(column.values) if isinstance(column, Items) else []


def _uniform(column: Column) -> list[Array]:
    """A column as arrays of samples of one size each, in order."""
    if isinstance(column, np.ndarray):
        return [column]
    values = _each(column)
    if len({(v.shape, v.dtype) if v is not None else None for v in values}) == 1 and values:
        return [np.stack([v for v in values if v is not None])]
    return [v[None] if v is not None else np.zeros((1, 4, 4, 1)) for v in values]


def _as_texts(inputs: list[tuple[str, Column]], count: int) -> list[str]:
    texts = [""] * count
    for _, column in inputs:
        for row in range(count):
            piece = ""
            if isinstance(column, Texts):
                piece = column.values[row] or ""
            elif isinstance(column, np.ndarray | Items):
                ids = _each(column)[row] if isinstance(column, Items) else column[row]
                piece = " ".join(map(str, _unpadded(ids).tolist())) if ids is not None else ""
            texts[row] = f"{texts[row]} {piece}".strip()[:MOST_TEXT]
    return texts


def _unpadded(ids: Array) -> Array:
    """Numbers of tokens without the padding at their end."""
    flat = ids.ravel()
    if len(flat) < 2 or flat[-1] != flat[-2]:
        return flat
    other = np.flatnonzero(flat != flat[-1])
    return flat[: other[-1] + 1] if len(other) else flat[:1]


def digests(inputs: list[tuple[str, Column]], count: int) -> Array:
    """A hash of each sample's input."""
    hashes = [hashlib.blake2b(digest_size=8) for _ in range(count)]
    for _, column in inputs:
        if isinstance(column, Texts):
            for row, text in enumerate(column.values):
                hashes[row].update(repr(text).encode("utf-8", "replace") + b"\0")
            continue
        for row, value in enumerate(_each(column)):
            if value is not None:
                hashes[row].update(f"{value.shape}{value.dtype}".encode())
                hashes[row].update(np.ascontiguousarray(value).tobytes())
    return np.array([int.from_bytes(h.digest(), "big") for h in hashes], np.uint64)


def _shape_words(inputs: list[tuple[str, Column]], count: int) -> list[str]:
    if len(inputs) != 1:
        return [""] * count
    column = inputs[0][1]
    if isinstance(column, Texts):
        return ["text"] * count
    if isinstance(column, np.ndarray):
        return [f"{'×'.join(map(str, column.shape[1:]))} {column.dtype}"] * count
    return [
        f"{'×'.join(map(str, v.shape))} {v.dtype}" if v is not None else "" for v in _each(column)
    ]


def numbers_of(values: Array) -> Array:
    """Lowest, highest, mean and spread of each sample; how many NaNs and infinities it has."""
    flat = values.reshape(len(values), -1)
    found = np.zeros((len(flat), 6))
    if not flat.shape[1]:
        return found
    if flat.dtype.kind != "f":
        flat = flat.astype(np.float32 if flat.dtype.itemsize < 4 else np.float64)
    elif flat.dtype.itemsize < 4:
        flat = flat.astype(np.float32)
    finite: Array = np.asarray(np.isfinite(flat))
    found[:, 4] = np.isnan(flat).sum(1)
    found[:, 5] = flat.shape[1] - finite.sum(1) - found[:, 4]
    with np.errstate(all="ignore"):
        shown = flat if finite.all() else np.where(finite, flat, np.nan)
        if shown is flat:
            found[:, :4] = np.stack([flat.min(1), flat.max(1), flat.mean(1), flat.std(1)], 1)
        else:
            empty: Array = np.asarray(~finite.any(1))
            shown = np.where(empty[:, None], 0, shown)
            parts = [np.nanmin(shown, 1), np.nanmax(shown, 1), np.nanmean(shown, 1)]
            found[:, :4] = np.stack([*parts, np.nanstd(shown, 1)], 1)
    return found


def channels_of(values: Array) -> Channels:
    """Numbers of each channel, the last axis, over all others."""
    rows = values.size // max(1, values.shape[-1])
    flat = values.reshape(rows, values.shape[-1]).astype(np.float64)
    finite = np.isfinite(flat)
    if len(flat) and finite.all():
        mean = flat.mean(0)
        squares, none = ((flat - mean) ** 2).sum(0), np.zeros(len(mean), int)
        count = np.full(len(mean), len(flat))
        return Channels(count, mean, squares, flat.min(0), flat.max(0), none, none)
    nan = np.isnan(flat).sum(0)
    count = finite.sum(0)
    shown = np.where(finite, flat, 0)
    mean = shown.sum(0) / np.maximum(count, 1)
    squares = (np.where(finite, flat - mean, 0) ** 2).sum(0)
    low = np.where(finite, flat, np.inf).min(0, initial=np.inf)
    high = np.where(finite, flat, -np.inf).max(0, initial=-np.inf)
    return Channels(count, mean, squares, low, high, nan, len(flat) - count - nan)


def joined(before: Channels | None, more: Channels) -> Channels:
    """Numbers of two sets of samples taken together, without seeing either again."""
    if before is None or len(before.count) != len(more.count):
        return before or more
    count = before.count + more.count
    safe = np.maximum(count, 1)
    apart = more.mean - before.mean
    mean = before.mean + apart * more.count / safe
    squares = before.squares + more.squares + apart**2 * before.count * more.count / safe
    return Channels(
        count,
        mean,
        squares,
        np.minimum(before.lowest, more.lowest),
        np.maximum(before.highest, more.highest),
        before.not_numbers + more.not_numbers,
        before.infinite + more.infinite,
    )
