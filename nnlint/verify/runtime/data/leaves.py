"""Samples and batches of any make, taken apart into named tensors, texts and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch.nn.utils.rnn import PackedSequence, unpack_sequence

LONGEST_TEXT = 20_000
"""Characters that are kept of a text."""
_DEEPEST = 6


class Strange:
    """A part of a sample that is neither number nor text; `told` is the name of its class."""

    def __init__(self, told: str) -> None:
        self.told = told


def leaves_of(value: Any, path: str = "", depth: int = 0) -> dict[str, Any]:
    """The parts of a sample or a batch by their names: `image`, `0`, `target.boxes`.

    Returns:
        tensors, texts, numbers, None, lists of texts or of unlike tensors, and `Strange` for
        what is none of these.
    """
    # a list of tensors at the top is (inputs, labels), not one input of several shapes
    listed = isinstance(value, (list, tuple)) and not all(map(_is_number, value))
    leaf = _leaf(value) if depth or not listed else None
    if leaf is not None or value is None:
        return {path or "0": leaf}
    parts = _parts(value) if depth < _DEEPEST else None
    if parts is None:
        return {path or "0": Strange(type(value).__name__)}
    found: dict[str, Any] = {}
    for name, part in parts:
        found.update(leaves_of(part, f"{path}.{name}" if path else str(name), depth + 1))
    return found


def _leaf(value: Any) -> Any:
    """A value as tensor, text, number or list of these; None where it is to be taken apart."""
    if isinstance(value, torch.Tensor):
        return plain_tensor(value)
    if isinstance(value, PackedSequence):
        return [plain_tensor(part) for part in unpack_sequence(value)]
    if _is_number(value):
        return value
    if isinstance(value, (str, bytes)):
        text = value if isinstance(value, str) else value.decode("utf-8", "replace")
        return text[:LONGEST_TEXT]
    if type(value).__module__.partition(".")[0] == "numpy":
        return _of_array(value)
    if all(hasattr(value, name) for name in ("tobytes", "size", "mode", "convert")):
        return _of_picture(value)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields") and value:
        return _of_list(value)
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float))


def _of_list(value: Any) -> Any:
    if all(isinstance(v, str) for v in value):
        return [v[:LONGEST_TEXT] for v in value]
    if all(map(_is_number, value)) and isinstance(value, list):
        return torch.tensor(value)
    if isinstance(value, list) and all(isinstance(v, torch.Tensor) for v in value):
        return [plain_tensor(v) for v in value]
    if isinstance(value, list) and all(isinstance(v, list) and v for v in value):
        # ragged lists of numbers, such as the ids of tokens
        rows = [_of_list(v) for v in value]
        return rows if all(isinstance(r, torch.Tensor) for r in rows) else None
    return None


def _parts(value: Any) -> Optional[list[tuple[Any, Any]]]:
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value))
    if isinstance(value, (list, tuple)):
        return list(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value)]
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict) and not callable(value):
        shown = [(k, v) for k, v in attributes.items() if not k.startswith("_")]
        return shown or None
    return None


def samples_of(batch: Any, count: int) -> Optional[list[dict[str, Any]]]:
    """The samples of a batch that was not stacked; None for one that was.

    Such a batch is a list of samples, or lists side by side, as `tuple(zip(*samples))` gives them.

    Parameters:
        count: how many samples there are.
    """
    named = isinstance(batch, Mapping)
    if not count or not batch or not (named or type(batch) in (list, tuple)):
        return None
    parts = list(batch.values() if named else batch)
    beside = all(type(part) in (list, tuple) and len(part) == count for part in parts)
    if beside and any(map(_is_composed, (part[0] for part in parts))):
        keys = list(batch) if named else range(len(parts))
        rows = zip(*parts)
        return [leaves_of(dict(zip(keys, row)) if named else row) for row in rows]
    if not named and len(parts) == count and all(map(_is_composed, parts)):
        return [leaves_of(part) for part in parts]
    return None


def _is_composed(value: Any) -> bool:
    """Whether a value is made of several, so that a list of them is no leaf."""
    return _leaf(value) is None and _parts(value) is not None


def is_batch(leaves: dict[str, Any], batches: bool = False) -> bool:
    """Whether these are the parts of a batch, and of no single sample.

    Parameters:
        batches: what they come from says that it gives batches.
    """
    tensors = [leaf for leaf in leaves.values() if isinstance(leaf, torch.Tensor)]
    sizes = {t.shape[0] if t.dim() else 0 for t in tensors}
    lists = [leaf for leaf in leaves.values() if isinstance(leaf, list)]
    numbers = any(isinstance(leaf, (int, float, str)) for leaf in leaves.values())
    if numbers or (not tensors and not lists):
        return False
    if len(tensors) == 1 and not lists:
        return batches or tensors[0].dim() in (2, 4)
    return len(sizes) == 1 and 0 not in sizes


def plain_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that lies dense, in memory, and in a type that every array library has."""
    value = tensor.detach()
    if value.layout != torch.strided:
        value = value.to_dense()
    if value.is_quantized:
        value = value.dequantize()
    if value.is_complex():
        value = torch.view_as_real(value.resolve_conj())
    if value.dtype == torch.bfloat16 or "float8" in str(value.dtype):
        value = value.float()
    return value.cpu().contiguous()


def _of_array(value: Any) -> Any:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in "USOMm" and hasattr(value, "tolist"):
        listed = value.tolist()
        if isinstance(listed, (str, bytes, int, float)):
            return str(listed)
        items = listed if isinstance(listed, list) else [listed]
        return [str(item)[:LONGEST_TEXT] for item in items]
    if kind == "u" and getattr(value.dtype, "itemsize", 1) > 1:
        value = value.astype("int64")
    if kind not in "biufc" or not kind:
        return None
    return plain_tensor(torch.as_tensor(value.copy() if getattr(value, "ndim", 0) else value))


def _of_picture(value: Any) -> torch.Tensor:
    """A Pillow picture as height, width and channels, in bytes."""
    picture = value if value.mode in ("L", "RGB", "RGBA") else value.convert("RGB")
    width, height = picture.size
    raw = bytearray(picture.tobytes())
    return torch.frombuffer(raw, dtype=torch.uint8).reshape(height, width, -1).clone()
