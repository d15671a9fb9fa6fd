"""Pictures of samples: the first batch as it enters the model, and what looks suspicious."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlint.audit.features import as_pictures
from nnlint.audit.finding import AuditFinding
from nnlint.audit.parts import Kind
from nnlint.audit.samples import Array, Column, Items, Texts
from nnlint.audit.table import Collected, Part
from nnlint.audit.telling import class_name, number

if TYPE_CHECKING:
    from nnlint.audit.auditing import Audit

_LARGEST, _SMALLEST = 160, 64
"""Pixels along the longer side of a picture that is shown."""
_OF_A_BATCH, _OF_A_FINDING = 24, 12
_CURVES = 8


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG with what it shows."""

    png: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class BatchView:
    """The first batch of a split."""

    told: str
    """What is shown, and how values become colours."""
    pictures: tuple[Picture, ...] = ()
    texts: tuple[str, ...] = ()
    histogram: tuple[tuple[float, float], ...] = ()
    """Values and the share of the batch that they are."""


def batch_view(data: Collected, part: Part) -> BatchView | None:
    """The first batch, decoded from what the model gets."""
    columns = [part.first[n] for n in data.parts.inputs if n in part.first]
    if not columns:
        return None
    labels = part.first.get(data.parts.label or "")
    if data.kind is Kind.IMAGE:
        return _images(data, part, columns[0], labels)
    if data.kind is Kind.AUDIO:
        return _sounds(data, columns[0], labels)
    if data.kind in (Kind.TEXT, Kind.IDS):
        return BatchView("the first texts, as they come", texts=_texts(columns[0]))
    if data.kind is Kind.TABLE:
        return _table(data, columns)
    return None


def _each(column: Column) -> list[Array]:
    if isinstance(column, np.ndarray):
        return list(column)
    return [v for v in column.values if v is not None] if isinstance(column, Items) else []


def _images(data: Collected, part: Part, column: Column, labels: Column | None) -> BatchView:
    shown = [as_pictures(v[None], data.parts.channels_last)[0] for v in _each(column)[:_OF_A_BATCH]]
    finite = np.concatenate([v[np.isfinite(v)].ravel() for v in shown]) if shown else np.zeros(0)
    if not len(finite):
        return BatchView("no value of the first batch is finite")
    low, high = float(finite.min()), float(finite.max())
    masks = _each(part.first[data.parts.mask]) if data.parts.mask in part.first else []
    tiles = []
    for row, values in enumerate(shown):
        caption = _label(data, labels, row)
        tiles.append(Picture(png_of(values, low, high), caption or f"sample {row}"))
        if row < len(masks):
            mask = masks[row].reshape(masks[row].shape[-2:]) if masks[row].ndim == 3 else masks[row]
            drawn = mask.astype(float)[..., None]
            tiles.append(Picture(png_of(drawn, 0, max(1.0, float(mask.max()))), "its mask"))
    told = (
        f"{len(shown)} samples of the first batch, {part.shapes[0] if part.shapes else ''}: "
        f"black is {number(low)}, white is {number(high)}"
    )
    return BatchView(told, tuple(tiles), histogram=_histogram(finite))


def _histogram(values: Array) -> tuple[tuple[float, float], ...]:
    counts, edges = np.histogram(values.astype(float), bins=48)
    middle = (edges[1:] + edges[:-1]) / 2
    return tuple((float(x), float(c / len(values))) for x, c in zip(middle, counts, strict=True))


def _label(data: Collected, labels: Column | None, row: int) -> str:
    if isinstance(labels, Texts) and row < len(labels.values):
        return str(labels.values[row])
    if isinstance(labels, np.ndarray) and row < len(labels):
        value = labels[row].ravel()
        if len(value) > 1:
            return class_name(data, float(value.argmax()))
        return class_name(data, float(value[0])) if data.classes else number(float(value[0]))
    return ""


def png_of(values: Array, low: float, high: float) -> bytes:
    """A picture of height, width and channels, between black and white."""
    from PIL import Image

    span = high - low if high > low else 1.0
    scaled = np.clip((np.nan_to_num(values.astype(float)) - low) / span, 0, 1)
    drawn = (scaled * 255).astype(np.uint8)
    drawn = drawn[..., :3] if drawn.shape[-1] >= 3 else drawn[..., 0]
    image = Image.fromarray(drawn)
    longest = max(image.size)
    if longest < _SMALLEST:
        times = -(-_SMALLEST // longest)
        image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    else:
        image.thumbnail((_LARGEST, _LARGEST))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _texts(column: Column) -> tuple[str, ...]:
    if isinstance(column, Texts):
        return tuple((v or "")[:400] for v in column.values[:_CURVES])
    return tuple(" ".join(map(str, v.ravel()[:60].tolist())) for v in _each(column)[:_CURVES])


def _sounds(data: Collected, column: Column, labels: Column | None) -> BatchView:
    waves = [v.reshape(-1, v.shape[-1])[0] for v in _each(column)[:_CURVES]]
    figure, axes = _figure(len(waves), 1, 6, 0.8 * max(1, len(waves)))
    for row, (wave, axis) in enumerate(zip(waves, axes, strict=True)):
        axis.plot(wave[:: max(1, len(wave) // 2000)], linewidth=0.5)
        axis.set_ylabel(_label(data, labels, row), rotation=0, ha="right")
        axis.set_xticks([])
    values = np.concatenate([w[np.isfinite(w)] for w in waves]) if waves else np.zeros(1)
    told = f"the first sounds of the first batch: {number(values.min())} to {number(values.max())}"
    return BatchView(told, (Picture(_saved(figure), "waves"),), histogram=_histogram(values))


def _table(data: Collected, columns: Sequence[Column]) -> BatchView | None:
    numeric = [c.reshape(len(c), -1) for c in columns if isinstance(c, np.ndarray)]
    if not numeric:
        return None
    matrix = np.concatenate(numeric, 1).astype(float)[:, :120]
    figure, axes = _figure(1, 1, 7, 3.2)
    # each feature over its own range: on one scale all but the largest would be black
    low, high = np.nanmin(matrix, 0), np.nanmax(matrix, 0)
    shown = (matrix - low) / np.where(high > low, high - low, 1)
    axes[0].imshow(shown, aspect="auto", interpolation="nearest", cmap="viridis")
    axes[0].set_xlabel("feature")
    axes[0].set_ylabel("sample")
    told = "the first samples, each feature over its own range in them; gaps are NaN"
    return BatchView(told, (Picture(_saved(figure), "samples by features"),))


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=110, layout="constrained")
    axes = figure.subplots(max(1, rows), columns, squeeze=False)
    return figure, [axis for line in axes for axis in line][: max(1, rows)]


def _saved(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def example_pictures(data: Collected, finding: AuditFinding) -> list[Picture]:
    """The first samples that a finding names, small."""
    by_name = {part.name: part for part in data.splits}
    part, other = by_name.get(finding.split), by_name.get(finding.other_split or finding.split)
    if part is None or other is None or part.thumbs is None or other.thumbs is None:
        return []
    if finding.pairs:
        wanted = [
            place
            for a, b in finding.pairs[: _OF_A_FINDING // 2]
            for place in ((part, a), (other, b))
        ]
    else:
        wanted = [(part, index) for index in finding.examples[:_OF_A_FINDING]]
    found = []
    for owner, index in wanted:
        rows = np.flatnonzero(owner.indices == index)
        if len(rows):
            assert owner.thumbs is not None
            caption = owner.names[rows[0]] if owner.names else f"{owner.name} {index}"
            if owner.labels is not None and np.isfinite(owner.labels[rows[0]]):
                caption += f": {class_name(data, owner.labels[rows[0]])}"
            found.append(Picture(png_of(owner.thumbs[rows[0]], 0, 255), caption))
    return found


def example_texts(data: Collected, finding: AuditFinding) -> list[str]:
    """The first texts that a finding names."""
    by_name = {part.name: part for part in data.splits}
    part, other = by_name.get(finding.split), by_name.get(finding.other_split or finding.split)
    if part is None or other is None or part.texts is None or other.texts is None:
        return []
    places = [(part, i) for i in finding.examples[:4]]
    places += [p for a, b in finding.pairs[:3] for p in ((part, a), (other, b))]
    found = []
    for owner, index in places:
        rows = np.flatnonzero(owner.indices == index)
        if len(rows) and owner.texts is not None:
            found.append(f"{owner.name} {index}: {owner.texts[rows[0]][:300]}")
    return found


def write_pictures(audit: Audit, folder: Path) -> list[Path]:
    """Write the first batch of each split, and the samples of each finding, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    if audit.data is None:
        return written
    groups: list[tuple[str, Sequence[Picture]]] = []
    for part in audit.data.splits:
        view = batch_view(audit.data, part)
        if view is not None:
            groups.append((f"batch-{part.name}", view.pictures))
    for finding in audit.findings:
        where = "-".join(filter(None, (finding.kind, finding.split, finding.other_split)))
        groups.append((where, example_pictures(audit.data, finding)))
    for name, pictures in groups:
        if pictures:
            safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
            path = folder / f"{safe}.png"
            path.write_bytes(contact_sheet(pictures))
            written.append(path)
    return written


def contact_sheet(pictures: Sequence[Picture], across: int = 8) -> bytes:
    """Several pictures in one."""
    from PIL import Image

    images = [Image.open(io.BytesIO(p.png)).convert("RGB") for p in pictures]
    if len(images) == 1:
        return pictures[0].png
    width, height = max(i.width for i in images) + 4, max(i.height for i in images) + 4
    across = min(across, len(images))
    rows = -(-len(images) // across)
    sheet = Image.new("RGB", (across * width, rows * height), (127, 127, 127))
    for place, image in enumerate(images):
        sheet.paste(image, ((place % across) * width + 2, (place // across) * height + 2))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()
