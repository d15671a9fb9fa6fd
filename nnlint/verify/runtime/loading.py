"""The first batch of the user's own data, from whatever makes it.

A loader is called or made without arguments, or with those that the user wrote down. It may be
a DataLoader, a Dataset, a data module of Lightning, an iterable of batches, a function that
returns one of these, or several of them, of which the one for training is taken.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from .causes import cause_of
from .construction.building import NotLoaded, file_of, load_target
from .construction.constructing import annotations_of
from .construction.missing import NOTED, Missing
from .inputs import seed_all
from .progress import late
from .steps import Batch
from .trees import leaves

SAMPLES = 32
"""Examples of a batch that is made from a data set alone."""
MOST_BATCHES, MOST_LABELS = 20, 4096
"""How far targets are read on to learn how often each class occurs."""
_TRAINING = ("train", "training", "fit")
_RAGGED = ("stack expects each tensor to be equal size", "inhomogeneous", "expected sequence of")


class NoBatch(Exception):
    """There is no batch; the message says why, in a line."""


def first_batch(spec: Mapping[str, Any], seed: int = 0) -> Batch:
    """The first batch of a loader.

    Parameters:
        spec: `file` or `module`, the `name` in it (dots lead into it), `args` and `kwargs` where
            it is to be called with some, `folders` that paths are seen from, and `seconds` that it may take.

    Raises:
        NoBatch: it raises, hangs, yields nothing, or yields nothing that a model takes.
    """
    title = str(spec.get("title") or spec["name"])
    folders = [f for f in spec.get("folders") or () if os.path.isdir(f)] or [os.getcwd()]
    with _within(float(spec.get("seconds") or 0), title):
        for folder in folders:
            try:
                with inside(folder):
                    loader, kind, batch = _taken(spec, title, seed)
                break
            except NoBatch:
                raise
            except (Exception, SystemExit) as error:
                if isinstance(error, OSError) and folder != folders[-1]:
                    # its paths may be written as seen from another folder
                    continue
                raise NoBatch(f"{title} raises {_told(error)}") from error
    value = _as_tensors(batch)
    _check(value, title)
    dataset = getattr(loader, "dataset", None)
    result = Batch(value, kind, loader, folder, _classes(dataset))
    seconds = float(spec.get("seconds") or 0) / 3
    with contextlib.suppress(Exception), _within(seconds, title), inside(folder):
        if _restarts(loader):
            seed_all(seed)
            result.repeated = _alike(value, _as_tensors(_first(loader, title)))
    return result


@contextlib.contextmanager
def inside(folder: str) -> Iterator[None]:
    """The user's folder as the current one: paths of data are written as seen from there."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _taken(spec: Mapping[str, Any], title: str, seed: int) -> tuple[Any, str, Any]:
    """The loader, what it is called, and its first batch."""
    seed_all(seed)
    found = _found(spec, title)
    loader, kind = _loader(found, title)
    seed_all(seed)
    return loader, kind, _first(loader, title)


def _found(spec: Mapping[str, Any], title: str) -> Any:
    first, *rest = str(spec["name"]).split(".")
    try:
        filename = spec.get("file") or file_of(str(spec["module"]))
        found = load_target(str(filename), first, within=str(spec.get("within") or ""))
    except NotLoaded as error:
        known = cause_of(str(error))
        raise NoBatch(f"{title} cannot be loaded: {known[1] if known else error}") from error
    if isinstance(found, Missing):
        raise NoBatch(f"{title} cannot be loaded: {found._reason}")
    for name in rest:
        found = _made(found, {}, title) if isinstance(found, type) else found
        if name == "train_dataloader" and _is_data_module(found):
            # its data is there once it is set up
            return found
        if not hasattr(found, name):
            raise NoBatch(f"{title}: there is no `{name}`")
        found = getattr(found, name)
    if spec.get("args") is not None or spec.get("kwargs") is not None:
        if not callable(found):
            raise NoBatch(f"{title} is a {type(found).__name__}, which takes no arguments")
        return _made(found, spec, title)
    is_loader = isinstance(found, (DataLoader, Dataset)) or _is_data_module(found)
    if isinstance(found, type) or (callable(found) and not is_loader):
        return _made(found, {}, title)
    return found


def _made(target: Any, spec: Mapping[str, Any], title: str) -> Any:
    args, kwargs = list(spec.get("args") or ()), dict(spec.get("kwargs") or {})
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return target(*args, **kwargs)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        name = getattr(target, "__name__", title)
        raise NoBatch(
            f"{title} cannot be called so ({error}): write the arguments down, as in "
            f"`--loader '…:{name}(\"data\", 32)'`"
        ) from error
    made_by: Any = vars(target).get("__init__", target) if isinstance(target, type) else target
    annotations = annotations_of(made_by)
    for parameter, value in bound.arguments.items():
        # a path is written down as text
        if annotations.get(parameter) is Path and isinstance(value, str):
            bound.arguments[parameter] = Path(value)
    return target(*bound.args, **bound.kwargs)


def _loader(found: Any, title: str) -> tuple[Any, str]:
    """What gives batches, and what it is called."""
    if found is None:
        raise NoBatch(f"{title} returns None")
    if isinstance(found, Mapping) or (
        isinstance(found, (tuple, list)) and any(map(_gives_batches, found))
    ):
        found = _for_training(found, title)
    if _is_data_module(found):
        return _of_data_module(found, title), type(found).__name__
    if isinstance(found, DataLoader):
        return _in_this_process(found), "DataLoader"
    if isinstance(found, Dataset) or _is_table(found):
        kind = "IterableDataset" if isinstance(found, IterableDataset) else "Dataset"
        return _of_dataset(found, title), kind
    if isinstance(found, Tensor) or not (
        hasattr(found, "__iter__") or (hasattr(found, "__getitem__") and hasattr(found, "__len__"))
    ):
        raise NoBatch(f"{title} gives a {type(found).__name__}, no loader, data set or iterable")
    return found, "iterable"


def _for_training(found: Any, title: str) -> Any:
    """Of several loaders that for training: by its key, else the first."""
    if isinstance(found, Mapping):
        for key in (*_TRAINING, *found):
            if key in found and _gives_batches(found[key]):
                return found[key]
        raise NoBatch(f"{title} gives a dict without a loader or data set")
    return next(part for part in found if _gives_batches(part))


def _gives_batches(value: Any) -> bool:
    return isinstance(value, (DataLoader, Dataset)) or _is_data_module(value) or _is_table(value)


def _is_data_module(value: Any) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "train_dataloader", None))


def _is_table(value: Any) -> bool:
    """Whether it is a data set of Hugging Face."""
    return type(value).__module__.partition(".")[0] == "datasets" and hasattr(value, "__len__")


def _of_data_module(module: Any, title: str) -> Any:
    for name, args in (("prepare_data", ()), ("setup", ("fit",))):
        method = getattr(module, name, None)
        if callable(method):
            method(*args)
    found, _ = _loader(module.train_dataloader(), f"{title}.train_dataloader()")
    return found


def _in_this_process(loader: DataLoader[Any]) -> DataLoader[Any]:
    """The same loader without processes of its own, which the sandbox does not count on."""
    loader.num_workers = 0
    loader.pin_memory = False
    loader.timeout = 0
    return loader


def _of_dataset(dataset: Any, title: str) -> DataLoader[Any]:
    if isinstance(dataset, IterableDataset):
        return DataLoader(dataset, batch_size=SAMPLES)
    try:
        count = len(dataset)
    except TypeError:
        count = SAMPLES
    if not count:
        raise NoBatch(f"{title} is a data set of no examples")
    generator = torch.Generator().manual_seed(0)
    return DataLoader(dataset, batch_size=min(SAMPLES, count), shuffle=True, generator=generator)


def _first(loader: Any, title: str) -> Any:
    if not hasattr(loader, "__iter__"):
        return loader[0]
    for batch in loader:
        return batch
    raise NoBatch(f"{title} yields nothing")


def _restarts(loader: Any) -> bool:
    return isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset)


def _as_tensors(value: Any, depth: int = 4) -> Any:
    """The batch with arrays and lists of numbers as tensors; objects as they are."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray) and value.dtype.kind in "biuf":
        return torch.as_tensor(value)
    if depth == 0 or isinstance(value, (Tensor, str, bytes)):
        return value
    if isinstance(value, Mapping):
        return {key: _as_tensors(part, depth - 1) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(v, (bool, int, float)) for v in value):
            return torch.tensor(value)
        parts = [_as_tensors(part, depth - 1) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _check(value: Any, title: str) -> None:
    tensors = leaves(value)
    if not tensors:
        raise NoBatch(f"the first batch of {title} holds no tensor: it is a {_kind(value)}")
    if not any(t.numel() for _, t in tensors):
        raise NoBatch(f"the first batch of {title} is empty")


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple)) and value:
        return f"{type(value).__name__} of {type(value[0]).__name__}"
    return type(value).__name__


def _classes(dataset: Any) -> Optional[int]:
    named = getattr(dataset, "classes", None)
    if isinstance(named, (list, tuple)) and len(named) > 1:
        return len(named)
    inner = getattr(dataset, "dataset", None)
    return _classes(inner) if inner is not None and inner is not dataset else None


def _alike(left: Any, right: Any) -> bool:
    first, second = leaves(left), leaves(right)
    return len(first) == len(second) and all(
        a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num())
        for (_, a), (_, b) in zip(first, second)
    )


def more_targets(batch: Batch, path: Any) -> list[Tensor]:
    """The target at `path` of further batches, to learn how often each class occurs."""
    found: list[Tensor] = []
    total = 0
    if not _restarts(batch.loader):
        return found
    with contextlib.suppress(Exception), inside(batch.folder):
        for index, more in enumerate(batch.loader):
            target = dict(leaves(_as_tensors(more)))[path]
            found.append(target.detach())
            total += target.numel()
            if index + 1 >= MOST_BATCHES or total >= MOST_LABELS or late():
                break
    return found


def _told(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    known = cause_of(text)
    if known is not None:
        return f"{type(error).__name__}: {known[1]}"
    text = " ".join(text.split())[:300]
    if "Missing" in text and NOTED:
        text = f"{text}; {NOTED[-1]}"
    if any(told in text for told in _RAGGED):
        text = f"{text}; its samples have several sizes, which takes a `collate_fn`"
    return text + _place(error.__traceback__)


def _place(trace: Any) -> str:
    """The user's own line that raised."""
    ours = os.path.dirname(os.path.abspath(__file__))
    for frame in reversed(traceback.extract_tb(trace)):
        filename = frame.filename
        if not filename.startswith((ours, "<")) and not _is_installed(filename):
            return f" ({os.path.basename(filename)}:{frame.lineno})"
    return ""


def _is_installed(filename: str) -> bool:
    return "site-packages" in filename or filename.startswith(os.path.dirname(os.__file__))


def _imports(frame: Any) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _within(seconds: float, title: str) -> Iterator[None]:
    """What is inside gets so many seconds; where it was then is said."""
    timer = getattr(signal, "setitimer", None)
    if timer is None or seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_: int, frame: Any) -> None:
        if _imports(frame):
            # a module that is imported by half stays so
            timer(signal.ITIMER_REAL, 0.5)
            return
        while frame is not None and (
            frame.f_code.co_filename.startswith("<") or _is_installed(frame.f_code.co_filename)
        ):
            frame = frame.f_back
        where = ""
        if frame is not None:
            where = f": it is at {os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        raise NoBatch(f"{title} gave no batch within {seconds:g} s{where}")

    before = signal.signal(signal.SIGALRM, ring)
    timer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        timer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
