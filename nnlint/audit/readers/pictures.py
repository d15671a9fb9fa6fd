"""A folder of pictures: by class, by split, or beside masks."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnlint.audit.finding import few, plural
from nnlint.audit.readers import SPLIT_NAMES
from nnlint.audit.samples import (
    Array,
    AuditError,
    Batch,
    Items,
    Problem,
    Roles,
    Sink,
    SplitInfo,
    Texts,
)

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
)
_IMAGES = frozenset({"images", "image", "imgs", "img", "inputs", "jpegimages"})
_MASKS = frozenset(
    {"masks", "mask", "labels", "annotations", "targets", "gt", "segmentation", "segmentations"}
)
_MASK_ENDING = re.compile(r"[_-]?(mask|seg|segmentation|label|labels|gt|gtfine|annotation)$")
_BATCH = 16
_MOST_PIXELS = 2**20
"""Larger pictures are made smaller as soon as they are read."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    label: str | None = None
    mask: Path | None = None


def has_pictures(folder: Path) -> bool:
    """Whether there is any picture in a folder."""
    return next(_pictures(folder), None) is not None


def _pictures(folder: Path) -> Iterator[Path]:
    return (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


class PictureReader:
    """Reads the pictures of a folder, spread evenly where there are more than the limit."""

    def __init__(self, folder: Path, roles: Roles, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self.group = re.compile(roles.group) if roles.group else None

    def read(self, sink: Sink) -> None:
        """Read all splits; a broken file is told and left out.

        Raises:
            AuditError: no picture can be read.
        """
        splits = self._splits(sink)
        labels = sorted(
            {f.label for files in splits.values() for f in files if f.label is not None}
        )
        masked = any(f.mask for files in splits.values() for f in files)
        sink.roles(
            Roles(
                label=None if not labels else "label",
                group="group" if self.group else None,
                classes=tuple(labels) or None,
                without_label=not labels,
            )
        )
        count = 0
        for split, files in splits.items():
            sink.split(SplitInfo(split, len(files), source="pictures"))
            step = max(1, -(-len(files) // max(1, self.limit)))
            chosen = list(enumerate(files))[::step]
            for start in range(0, len(chosen), _BATCH):
                batch = self._batch(split, chosen[start : start + _BATCH], sink, masked)
                count += batch.count if batch else 0
                if batch is not None and not sink.batch(batch):
                    break
        if not count:
            raise AuditError(f"no picture of {self.folder} can be read")

    def _splits(self, sink: Sink) -> dict[str, list[_File]]:
        folder = self.folder
        children = sorted(p for p in folder.iterdir() if p.is_dir())
        named = {c.name.lower(): c for c in children}
        images = next((named[n] for n in named if n in _IMAGES), None)
        masks = next((named[n] for n in named if n in _MASKS), None)
        if images is not None and masks is not None:
            return self._paired(images, masks, sink)
        splits = [c for c in children if c.name.lower() in SPLIT_NAMES]
        if not splits:
            return {"data": self._labelled(folder)}
        found: dict[str, list[_File]] = {}
        for child in splits:
            inner = {c.name.lower(): c for c in child.iterdir() if c.is_dir()}
            pictures = next((inner[n] for n in inner if n in _IMAGES), None)
            drawn = next((inner[n] for n in inner if n in _MASKS), None)
            if pictures is not None and drawn is not None:
                found[child.name] = self._pairs(child.name, pictures, drawn, sink)
            else:
                found[child.name] = self._labelled(child)
        return found

    def _labelled(self, folder: Path) -> list[_File]:
        """Pictures, each of the class whose folder it is in."""
        files = []
        for path in sorted(_pictures(folder)):
            inside = path.relative_to(folder).parts
            files.append(_File(path, inside[0] if len(inside) > 1 else None))
        return files

    def _paired(self, images: Path, masks: Path, sink: Sink) -> dict[str, list[_File]]:
        splits = sorted(c.name for c in images.iterdir() if c.is_dir())
        if splits and all(name.lower() in SPLIT_NAMES for name in splits):
            return {s: self._pairs(s, images / s, masks / s, sink) for s in splits}
        return {"data": self._pairs("data", images, masks, sink)}

    def _pairs(self, split: str, images: Path, masks: Path, sink: Sink) -> list[_File]:
        by_stem = {_stem(p): p for p in _pictures(masks)} if masks.is_dir() else {}
        files, alone = [], []
        for path in sorted(_pictures(images)):
            mask = by_stem.pop(_stem(path), None)
            if mask is None:
                alone.append(path)
            else:
                files.append(_File(path, mask=mask))
        for paths, what in (
            (alone, "pictures have no mask"),
            (list(by_stem.values()), "masks have no picture"),
        ):
            names = tuple(self._name(p) for p in sorted(paths))
            if names:
                number = plural(len(names), what.split()[0][:-1])
                verb = what.split(" ", 1)[1].replace("have", "has" if len(names) == 1 else "have")
                sink.problem(
                    Problem(
                        split, f"{number} {verb}: {few(names)}", names=names, kind="broken-pairs"
                    )
                )
        return files

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _batch(
        self, split: str, files: Sequence[tuple[int, _File]], sink: Sink, masked: bool
    ) -> Batch | None:
        rows: list[tuple[int, _File, Array, Array | None]] = []
        for index, file in files:
            name = self._name(file.path)
            try:
                picture = decoded(file.path.read_bytes())
            except _Unreadable as error:
                sink.problem(Problem(split, f"{name} {error}", (index,), (name,)))
                continue
            drawn = None
            if file.mask is not None:
                try:
                    drawn = decoded(file.mask.read_bytes(), mask=True)
                except _Unreadable as error:
                    told = self._name(file.mask)
                    sink.problem(Problem(split, f"{told} {error}", (index,), (told,)))
                    continue
            rows.append((index, file, picture, drawn))
        if not rows:
            return None
        names = tuple(self._name(f.path) for _, f, _, _ in rows)
        columns = {"image": Items(tuple(r[2] for r in rows))}
        extra: dict[str, Items | Texts] = {}
        if masked:
            extra["mask"] = Items(tuple(r[3] for r in rows))
        if any(f.label is not None for _, f, _, _ in rows):
            extra["label"] = Texts(tuple(f.label for _, f, _, _ in rows))
        if self.group is not None:
            extra["group"] = Texts(tuple(map(self._group_of, names)))
        return Batch(split, {**columns, **extra}, len(rows), tuple(r[0] for r in rows), names)

    def _group_of(self, name: str) -> str | None:
        assert self.group is not None
        found = self.group.search(name)
        if found is None:
            return None
        return found[found.re.groups and 1]


def _stem(path: Path) -> str:
    return _MASK_ENDING.sub("", path.stem.lower())


class _Unreadable(Exception):
    """A picture cannot be read; the message says why, to follow its name."""


def decoded(raw: bytes, mask: bool = False) -> Array:
    """A picture's pixels: height, width and channels.

    Raises:
        _Unreadable: the bytes are no whole picture.
    """
    from PIL import Image

    if not raw:
        raise _Unreadable("is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(raw))
            image.load()
            if mask:
                return np.asarray(image if image.mode in ("P", "L", "1") else image.convert("L"))
            if image.mode not in ("L", "RGB", "RGBA"):
                image = image.convert("L" if image.mode in ("1", "LA", "I", "F", "I;16") else "RGB")
            pixels = image.size[0] * image.size[1]
            if pixels > _MOST_PIXELS:
                image = image.reduce(int((pixels / _MOST_PIXELS) ** 0.5) + 1)
            array = np.asarray(image)
    except MemoryError:
        raise
    except Exception as error:
        told = str(error) or type(error).__name__
        told = "is no picture" if "cannot identify" in told else f"cannot be read: {told}"
        raise _Unreadable(told) from None
    return array[..., None] if array.ndim == 2 else array
