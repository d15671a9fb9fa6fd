"""A job about data: load the target, and send its samples as plain arrays."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any, Callable, Optional

import torch

from .faults import NoData, within
from .leaves import LONGEST_TEXT, Strange, plain_tensor
from .opening import inside, opened
from .reading import Fault, Piece, describe, pieces

Send = Callable[..., None]
_LARGEST_CHUNK = 48 * 2**20
"""Bytes of a piece that are written together; the rest follows in further ones."""
_MOST_CHUNKS = 4
"""Files that may lie unread: the reader's pace is this one's."""
_MOST_FAULTS = 200


def serve_samples(job: dict[str, Any], send: Send) -> None:
    """Stream the splits of a target.

    Parameters:
        job: `loader`, as `opened` takes it; `samples` with `limit`, `seconds` for all of it,
            `seed`, and `done`, the splits that are not to be read again.
    """
    asked = job["samples"]
    send("start", probe="samples")
    patience = float(job["loader"].get("seconds") or 0)
    seed = int(asked.get("seed") or 0)
    try:
        splits, folder = opened(job["loader"], seed, dict, what="gave no data")
    except NoData as error:
        send("failed", stage="loader", reason=str(error))
        return
    deadline = time.monotonic() + float(asked["seconds"])
    for number, (name, source) in enumerate(splits.items()):
        if name not in asked.get("done", ()):
            prefix = os.path.join(job["scratch"], f"samples-{number}-")
            with inside(folder):
                stream = _Stream(name, send, prefix, patience)
                stream.send(source, int(asked["limit"]), deadline)
    send("answer", probe="samples", status="MEASURED", summary="", evidence={}, seconds=0)


class _Stream:
    """One split on its way."""

    def __init__(self, split: str, tell: Send, prefix: str, patience: float) -> None:
        self.split, self.tell, self.prefix = split, tell, prefix
        self.patience = patience
        """Seconds that a batch, or a few samples, may take."""
        self.count = self.faults = self.chunks = 0
        self.explained = False
        """Whether a fault of the whole split was told."""

    def send(self, source: Any, limit: int, deadline: float) -> None:
        """All of it, up to a number of samples and a point in time."""
        self.tell("split", split=self.split, **describe(source))
        stopped = ""
        parts = pieces(source, limit)
        while not stopped:
            try:
                with within(self.patience, "gave nothing"):
                    part = next(parts, None)
            except NoData as error:
                part = Fault(None, f"it {error}", hangs=True)
            if part is None:
                break
            if isinstance(part, Fault):
                self._fault(part)
                stopped = "hangs" if part.hangs else ""
            else:
                self._piece(part)
            if time.monotonic() > deadline:
                stopped = "time"
        self.tell(
            "read",
            split=self.split,
            count=self.count,
            faults=self.faults,
            explained=self.explained,
            stopped=stopped,
        )

    def _fault(self, fault: Fault) -> None:
        self.faults += 1
        self.explained = self.explained or fault.place is None
        if self.faults <= _MOST_FAULTS:
            self.tell("fault", split=self.split, index=fault.place, reason=fault.reason)

    def _piece(self, piece: Piece) -> None:
        weight = sum(_weight(column) for column in piece.columns.values())
        parts = max(1, min(piece.size, -(-weight // _LARGEST_CHUNK)))
        step = -(-piece.size // parts)
        for start in range(0, piece.size, step):
            stop = min(start + step, piece.size)
            indices = piece.indices[start:stop] if piece.indices is not None else None
            self._chunk(piece, start, stop, indices, whole=parts == 1)

    def _chunk(
        self, piece: Piece, start: int, stop: int, indices: Optional[list[int]], whole: bool
    ) -> None:
        self._wait()
        self.chunks += 1
        path = f"{self.prefix}{self.chunks}"
        columns = []
        with open(path + ".part", "wb") as file:
            for name, column in piece.columns.items():
                cut = column if isinstance(column, Strange) else column[start:stop]
                columns.append({"name": name, **_written(cut, file)})
        os.rename(path + ".part", path)
        first = self.count
        self.count += stop - start
        self.tell(
            "samples",
            split=self.split,
            first=first,
            count=stop - start,
            indices=indices,
            columns=columns,
            file=path,
            whole=whole,
        )

    def _wait(self) -> None:
        """Until the other side has read, and removed, what lies there."""
        folder = os.path.dirname(self.prefix)
        while sum(n.startswith("samples-") for n in os.listdir(folder)) >= _MOST_CHUNKS:
            time.sleep(0.005)


def _weight(column: Any) -> int:
    if isinstance(column, torch.Tensor):
        return column.numel() * column.element_size()
    return sum(map(_weight, column)) if isinstance(column, list) else 8


def _written(column: Any, file: Any) -> dict[str, Any]:
    """Write a column; how it is to be read back."""
    if isinstance(column, Strange):
        return {"strange": column.told}
    if isinstance(column, list):
        column = _stacked(column)
    if isinstance(column, torch.Tensor):
        return _array(column, file)
    texts = [v for v in column if isinstance(v, str)]
    if len(texts) == len(column):
        return {"texts": [text.encode("utf-8", "replace").decode() for text in texts]}
    strange = [v.told for v in column if isinstance(v, Strange)]
    if strange:
        return {"strange": strange[0]}
    return {"items": [_item(value, file) for value in column]}


def _item(value: Any, file: Any) -> Optional[dict[str, Any]]:
    if value is None:
        return None
    if isinstance(value, list):
        joined = " ".join(str(v) for v in value)[:LONGEST_TEXT]
        return {"text": joined.encode("utf-8", "replace").decode()}
    if isinstance(value, str):
        return {"text": value.encode("utf-8", "replace").decode()}
    return _array(value if isinstance(value, torch.Tensor) else torch.tensor(value), file)


def _stacked(column: list[Any]) -> Any:
    """One tensor of samples that are alike; the list where they are not."""
    if all(isinstance(v, (bool, int, float)) for v in column):
        return torch.tensor(column)
    if all(isinstance(v, torch.Tensor) for v in column):
        first = column[0]
        if all(v.shape == first.shape and v.dtype == first.dtype for v in column):
            return torch.stack(column)
    return column


def _array(tensor: torch.Tensor, file: Any) -> dict[str, Any]:
    value = plain_tensor(tensor)
    start = file.tell()
    size = value.numel() * value.element_size()
    if size:
        # without numpy, which the environment need not have
        file.write(ctypes.string_at(value.data_ptr(), size))
    dtype = str(value.dtype).rpartition(".")[2]
    return {"dtype": dtype, "shape": list(value.shape), "start": start, "bytes": size}
