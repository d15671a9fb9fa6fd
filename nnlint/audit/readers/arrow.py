"""Data sets of Hugging Face on disk (`save_to_disk`): Arrow files, read without their library."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from nnlint.audit.readers.pictures import decoded
from nnlint.audit.samples import (
    Array,
    AuditError,
    Batch,
    Column,
    Items,
    Problem,
    Roles,
    Sink,
    SplitInfo,
    Texts,
)

_CHUNK = 256


class ArrowReader:
    """Reads the Arrow files of each split, record batch by record batch."""

    def __init__(self, splits: dict[str, Path], limit: int) -> None:
        self.splits, self.limit = splits, limit

    def read(self, sink: Sink) -> None:
        """Read all splits; one that is broken is told.

        Raises:
            AuditError: none can be read.
        """
        problems: list[Problem] = []
        taken = 0
        for split, folder in self.splits.items():
            features = _features(folder)
            if not taken:
                sink.roles(_roles(features))
            sink.split(SplitInfo(split, _total(folder), source="arrow"))
            try:
                taken += self._split(split, folder, features, sink)
            except (OSError, ValueError, KeyError) as error:
                told = " ".join(str(error).split())[:200]
                problems.append(Problem(split, f"{folder.name} cannot be read: {told}"))
        if not taken:
            told = "; ".join(p.message for p in problems) or "its splits have no rows"
            raise AuditError(told)
        for problem in problems:
            sink.problem(problem)

    def _split(self, split: str, folder: Path, features: dict[str, Any], sink: Sink) -> int:
        import pyarrow

        count = 0
        for path in _files(folder):
            with pyarrow.memory_map(str(path)) as source:
                for record in pyarrow.ipc.open_stream(source):
                    for start in range(0, record.num_rows, _CHUNK):
                        cut = record.slice(start, _CHUNK)
                        batch = _batch(split, cut, features, count, sink)
                        count += int(cut.num_rows)
                        if batch is not None and not sink.batch(batch):
                            return count
        if not count:
            sink.problem(Problem(split, f"`{split}` has no rows"))
        return count


def _files(folder: Path) -> list[Path]:
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return [folder / Path(str(f["filename"])).name for f in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return sorted(folder.glob("*.arrow"))


def _features(folder: Path) -> dict[str, Any]:
    try:
        info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
        return dict(info["features"] or {})
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _total(folder: Path) -> int | None:
    try:
        info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
        sizes = [int(s["num_examples"]) for s in (info.get("splits") or {}).values()]
        return sizes[0] if len(sizes) == 1 else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _roles(features: dict[str, Any]) -> Roles:
    for name, feature in features.items():
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
            return Roles(label=name, classes=tuple(map(str, feature.get("names") or ())) or None)
    return Roles()


def _batch(
    split: str, record: Any, features: dict[str, Any], first: int, sink: Sink
) -> Batch | None:
    columns: dict[str, list[Any]] = {}
    keep = [True] * record.num_rows
    for name in record.schema.names:
        kind = features.get(name, {})
        kind = kind.get("_type", "") if isinstance(kind, dict) else ""
        values = record.column(name).to_pylist()
        if kind in ("Image", "Audio"):
            read = _picture if kind == "Image" else _sound
            values = _media(values, read, split, first, keep, sink)
        columns[name] = values
    rows = [row for row, good in enumerate(keep) if good]
    if not rows:
        return None
    shown = {name: _column([values[r] for r in rows]) for name, values in columns.items()}
    return Batch(split, shown, len(rows), tuple(first + r for r in rows))


def _media(
    values: list[Any], read: Any, split: str, first: int, keep: list[bool], sink: Sink
) -> list[Any]:
    found = []
    for row, value in enumerate(values):
        try:
            found.append(read(value))
        except MemoryError:
            raise
        except Exception as error:
            keep[row] = False
            found.append(None)
            index = first + row
            sink.problem(Problem(split, f"sample {index} {error}", (index,)))
    return found


def _raw(value: Any) -> bytes:
    if isinstance(value, dict) and value.get("bytes"):
        return bytes(value["bytes"])
    if isinstance(value, dict) and value.get("path"):
        return Path(str(value["path"])).read_bytes()
    raise AuditError("is missing")


def _picture(value: Any) -> Array:
    return decoded(_raw(value))


def _sound(value: Any) -> Array:
    """A sound as channels of numbers between -1 and 1."""
    if isinstance(value, dict) and value.get("array"):
        return np.asarray(value["array"], np.float32)
    raw = _raw(value)
    read = _wave if raw[:4] in (b"RIFF", b"RIFX", b"RF64") else _compressed
    try:
        return np.ascontiguousarray(np.atleast_2d(read(raw).T))
    except AuditError:
        raise
    except Exception as error:
        raise AuditError(f"cannot be read: {' '.join(str(error).split())[:150]}") from None


def _wave(raw: bytes) -> Array:
    from scipy.io import wavfile

    with warnings.catch_warnings():
        # chunks that say nothing of the sound, and a last one that is cut off
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        _, sound = wavfile.read(io.BytesIO(raw))
    found: Array = sound.astype(np.float32)
    if sound.dtype == np.uint8:
        return found / 128 - 1
    # 24 bits come as the upper ones of 32
    return found if sound.dtype.kind == "f" else found / 2.0 ** (8 * sound.dtype.itemsize - 1)


def _compressed(raw: bytes) -> Array:
    """FLAC, Ogg, MP3 and the like.

    Raises:
        AuditError: what reads them is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError):
        raise AuditError("is no WAV: `pip install soundfile` reads FLAC, Ogg and MP3") from None
    found: Array = soundfile.read(io.BytesIO(raw), dtype="float32")[0]
    return found


def _column(values: list[Any]) -> Column:
    told = [v for v in values if v is not None]
    if told and all(isinstance(v, bool | int | float) for v in told):
        if len(told) == len(values):
            return np.array(values)
        return np.array([np.nan if v is None else float(v) for v in values])
    if told and all(isinstance(v, np.ndarray) for v in told):
        return Items(tuple(values))
    if told and all(isinstance(v, list) for v in told):
        try:
            arrays = [None if v is None else np.asarray(v) for v in values]
        except ValueError:
            arrays = []
        if arrays and all(a is None or a.dtype.kind in "biuf" for a in arrays):
            shapes = {a.shape for a in arrays if a is not None}
            if len(shapes) == 1 and None not in values:
                return np.stack([a for a in arrays if a is not None])
            return Items(tuple(arrays))
    return Texts(tuple(None if v is None else str(v) for v in values))
