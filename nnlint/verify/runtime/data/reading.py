"""Samples in the order in which training sees them, one piece at a time; faults are told, not raised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional, Union

import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler

from .faults import TimeIsUp, told
from .leaves import Strange, is_batch, leaves_of, samples_of
from .splits import Unmade, in_this_process, is_table, kind_of, length_of

_PIECE = 32
"""Samples of a data set that are sent together."""
_APART = 3
"""So many items of a stream that raise are told each by itself."""
_IN_VAIN = 50
"""Samples that fail one after the other, in data sets from the first on, before a split is given up."""


class Piece(NamedTuple):
    """Samples side by side: a batch, or a few samples of a data set."""

    indices: Optional[list[int]]
    """Which samples of the data set they are, where that is known."""
    columns: dict[str, Any]
    """By name, a tensor whose rows are samples, or a list with one entry for each."""
    size: int


class Fault(NamedTuple):
    """A sample or batch that cannot be had."""

    place: Optional[int]
    reason: str
    """In words: what cannot be had, why, and where in the user's code."""
    ends: bool = False
    """Whether it may only mean that there are no more."""
    hangs: bool = False
    """Whether it took longer than it may."""


def describe(source: Any) -> dict[str, Any]:
    """What is known of a split before it is read."""
    kind = kind_of(source)
    told: dict[str, Any] = {"kind": kind, "total": None, "shuffled": None, "batch_size": None}
    # what a data set gives, as a stream or not, is not yet what the net gets
    told["batched"] = kind != "dataset" and not is_table(source)
    if kind == "loader":
        iterable = isinstance(source.dataset, IterableDataset)
        told["total"] = None if iterable else length_of(source.sampler)
        told["batch_size"] = source.batch_size
        told["shuffled"] = None if iterable else _shuffles(source)
    elif kind == "dataset":
        told["total"] = length_of(source)
    else:
        batches, size = length_of(source), getattr(source, "batch_size", None)
        if batches is not None and isinstance(size, int):
            told["total"] = batches * size
    return told


def _shuffles(loader: Any) -> Optional[bool]:
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if isinstance(sampler, RandomSampler):
        return True
    return False if isinstance(sampler, SequentialSampler) else None


def pieces(source: Any, limit: int) -> Iterator[Union[Piece, Fault]]:
    """Read a split: about so many samples of it, spread over all where that can be done."""
    kind = kind_of(source)
    if kind == "loader" and _is_plain(source):
        yield from _by_batches(source, limit)
    elif kind == "dataset":
        yield from _by_samples(source, limit)
    else:
        yield from _streamed(source, limit)


def _is_plain(loader: Any) -> bool:
    """Whether a loader does what torch's own does: fetch samples and collate them."""
    return (
        type(loader).__iter__ is DataLoader.__iter__
        and not isinstance(loader.dataset, IterableDataset)
        and loader.batch_sampler is not None
    )


def _by_batches(loader: Any, limit: int) -> Iterator[Union[Piece, Fault]]:
    """Fetch and collate as a loader does, so that one bad sample costs only itself."""
    total = length_of(loader.sampler)
    step = max(1, -(-(total or 0) // max(limit, 1)))
    taken = failed = torn = 0
    for number, indices in enumerate(loader.batch_sampler):
        if number % step:
            continue
        if taken >= limit:
            break
        good: list[Any] = []
        samples: list[Any] = []
        for index, sample in _fetched(loader.dataset, list(indices)):
            if isinstance(sample, Fault):
                failed += 1
                yield sample
            else:
                good.append(index)
                samples.append(sample)
        if not samples:
            if not taken and failed >= _IN_VAIN:
                yield Fault(None, f"none of the first {failed} samples can be read: given up")
                return
            continue
        try:
            batch = loader.collate_fn(samples)
        except Exception as error:
            torn += 1
            if torn == 1:
                which = f"the batch of samples {_few(good)}"
                yield Fault(None, f"{which} cannot be collated: {told(error)}")
            # what the samples hold is known all the same
            yield _beside([leaves_of(sample) for sample in samples], good)
            taken += len(good)
            continue
        apart = samples_of(batch, len(good))
        if apart is not None:
            yield _beside(apart, good)
            taken += len(apart)
            continue
        columns, count = _rows(leaves_of(batch), len(good))
        taken += count
        yield Piece(_numbers(good) if count == len(good) else None, columns, count)
    if torn > 1:
        yield Fault(None, f"{torn} batches in all cannot be collated")


def _few(indices: Sequence[Any]) -> str:
    shown = ", ".join(str(i) for i in indices[:4])
    return f"{shown} …" if len(indices) > 4 else shown


def _numbers(indices: Sequence[Any]) -> Optional[list[int]]:
    whole = [i for i in indices if isinstance(i, int) or hasattr(i, "__index__")]
    return [int(i) for i in whole] if len(whole) == len(indices) else None


def _fetched(dataset: Any, indices: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Samples by index; a `Fault` in place of one that cannot be had."""
    if callable(getattr(dataset, "__getitems__", None)):
        try:
            together = list(zip(indices, dataset.__getitems__(indices)))
        except Exception:
            # one by one tells which it is
            pass
        else:
            yield from together
            return
    for index in indices:
        number = int(index) if hasattr(index, "__index__") else None
        try:
            sample = dataset[index]
        except TimeIsUp as error:
            yield index, Fault(number, f"sample {index} {error}", hangs=True)
            return
        except Exception as error:
            ends = isinstance(error, (IndexError, StopIteration))
            yield index, Fault(number, f"sample {index} raises {told(error)}", ends)
        else:
            yield index, sample


def _by_samples(dataset: Any, limit: int) -> Iterator[Union[Piece, Fault]]:
    total = length_of(dataset)
    step = max(1, -(-(total or 0) // max(limit, 1)))
    wanted = range(0, total if total is not None else limit, step)
    taken = failed = 0
    for start in range(0, len(wanted), _PIECE):
        good: list[Any] = []
        samples: list[Any] = []
        for index, sample in _fetched(dataset, list(wanted[start : start + _PIECE])):
            if isinstance(sample, Fault):
                if total is None and sample.ends:
                    if samples:
                        yield _beside(samples, good)
                    return
                failed += 1
                yield sample
            else:
                good.append(int(index))
                samples.append(leaves_of(sample))
        taken += len(samples)
        if samples:
            yield _beside(samples, good)
        elif not taken and failed >= _IN_VAIN:
            yield Fault(None, f"none of the first {failed} samples can be read: given up")
            return


def _streamed(source: Any, limit: int) -> Iterator[Union[Piece, Fault]]:
    """What an iterator yields; after an exception it is asked on, as some can go on."""
    if isinstance(source, Unmade):
        yield Fault(None, f"{source.what} raises {told(source.error)}")
        return
    try:
        iterator = iter(in_this_process(source))
    except Exception as error:
        yield Fault(None, f"it cannot be iterated over: {told(error)}")
        return
    taken = number = failed = in_a_row = 0
    waiting: list[dict[str, Any]] = []
    while taken < limit and in_a_row < _IN_VAIN:
        try:
            item = next(iterator)
        except StopIteration:
            break
        except Exception as error:
            failed, in_a_row = failed + 1, in_a_row + 1
            if failed <= _APART:
                yield Fault(None, f"item {number} raises {told(error)}")
            number += 1
            continue
        number, in_a_row = number + 1, 0
        leaves = leaves_of(item)
        size = _batch_size(leaves) if _is_batched(source, leaves) else 0
        if size:
            columns, count = _rows(leaves, size)
            taken += count
            yield Piece(None, columns, count)
            continue
        waiting.append(leaves)
        taken += 1
        if len(waiting) == _PIECE:
            yield _beside(waiting, None)
            waiting = []
    if waiting:
        yield _beside(waiting, None)
    if in_a_row == _IN_VAIN:
        yield Fault(None, f"the last {in_a_row} items raise: given up")
    elif failed > _APART:
        yield Fault(None, f"{failed} items in all raise")


def _is_batched(source: Any, leaves: dict[str, Any]) -> bool:
    """Whether what a source yields are batches, and no single samples."""
    if isinstance(source, DataLoader):
        return source.batch_size is not None or source.batch_sampler is not None
    if isinstance(source, IterableDataset):
        return False
    return is_batch(leaves, hasattr(source, "batch_size"))


def _batch_size(leaves: dict[str, Any]) -> int:
    sizes: Counter[int] = Counter()
    for leaf in leaves.values():
        if isinstance(leaf, torch.Tensor) and leaf.dim():
            sizes[int(leaf.shape[0])] += 1
        elif isinstance(leaf, list):
            sizes[len(leaf)] += 1
    return sizes.most_common(1)[0][0] if sizes else 0


def _rows(leaves: dict[str, Any], wanted: int) -> tuple[dict[str, Any], int]:
    """The columns of a batch; what has no row for each sample is left out as strange."""
    sizes = _batch_size(leaves)
    has_wanted = any(_length(leaf) == wanted for leaf in leaves.values())
    size = wanted if has_wanted or not sizes else sizes
    columns: dict[str, Any] = {}
    for name, leaf in _apart(leaves, size):
        if _length(leaf) == size:
            columns[name] = leaf
        elif isinstance(leaf, torch.Tensor) and leaf.dim() > 1 and leaf.shape[1] == size:
            columns[name] = leaf.transpose(0, 1).contiguous()
        elif isinstance(leaf, Strange):
            columns[name] = leaf
    return columns, size


def _apart(leaves: dict[str, Any], size: int) -> Iterator[tuple[str, Any]]:
    """Lists of whole batches, such as two views of each picture, as columns of their own."""
    for name, leaf in leaves.items():
        if isinstance(leaf, list) and len(leaf) != size and all(_length(v) == size for v in leaf):
            yield from ((f"{name}.{place}", part) for place, part in enumerate(leaf))
        else:
            yield name, leaf


def _length(leaf: Any) -> int:
    if isinstance(leaf, torch.Tensor):
        return int(leaf.shape[0]) if leaf.dim() else -1
    return len(leaf) if isinstance(leaf, list) else -1


def _beside(samples: list[dict[str, Any]], indices: Optional[list[int]]) -> Piece:
    """Samples as columns."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    columns = {name: [sample.get(name) for sample in samples] for name in names}
    return Piece(None if indices is None else _numbers(indices), columns, len(samples))
