"""From what a target gives to splits by name: loaders, data sets, or anything that iterates."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Callable

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

_NAMES = {1: ("data",), 2: ("train", "validation"), 3: ("train", "validation", "test")}
_SPLIT_PARAMETERS = frozenset({"split", "mode", "subset", "phase", "partition", "stage", "part"})
_HOOKS = (
    ("train", "train_dataloader"),
    ("validation", "val_dataloader"),
    ("test", "test_dataloader"),
)


class NoData(Exception):
    """The target gives nothing that samples come from; the message says what it gives."""


def splits_of(target: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The splits that a target gives, each something to iterate over.

    Parameters:
        target: a loader, a data set, a function that makes some, a class of data sets, or a
            Lightning data module.
        given: arguments for it, where it is called.

    Raises:
        NoData: it gives something else, or wants arguments that were not given.
    """
    if _is_source(target) and not isinstance(target, type):
        return _named(target)
    if callable(target):
        return _called(target, dict(given))
    return _named(target)


def _called(target: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    name = getattr(target, "__name__", "it")
    missing = [p for p in _required(target) if p not in given]
    if len(missing) == 1 and missing[0] in _SPLIT_PARAMETERS:
        return _by_split(target, missing[0], given)
    if missing == ["train"]:
        values = {"train": True, "test": False}
        return {s: target(**given, train=v) for s, v in values.items()}
    if missing:
        wanted = ", ".join(f"`{p}`" for p in missing)
        raise NoData(f"{name} needs {wanted}: `--args '{{\"{missing[0]}\": …}}'` gives them")
    return _named(target(**given))


def _required(target: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]


def _by_split(target: Callable[..., Any], parameter: str, given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    problem: Exception | None = None
    for names in (("train",), ("val", "valid", "validation", "dev"), ("test",)):
        for name in names:
            try:
                found[name] = target(**given, **{parameter: name})
                break
            except Exception as error:
                problem = problem or error
    if not found and problem is not None:
        raise problem
    return found


def _is_source(value: Any) -> bool:
    """Whether a value is something that samples come from."""
    if isinstance(value, (DataLoader, Dataset)):
        return True
    indexed = hasattr(type(value), "__getitem__") and hasattr(type(value), "__len__")
    return indexed or hasattr(type(value), "__iter__")


def _named(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        if not value:
            raise NoData("the target gives an empty dictionary")
        return {str(name): _checked(part, str(name)) for name, part in value.items()}
    if all(hasattr(value, hook) for _, hook in _HOOKS[:2]) and not _is_source(value):
        return _of_module(value)
    if isinstance(value, (tuple, list)) and not isinstance(value, str):
        parts = [part for part in value if _is_source(part) and not isinstance(part, (str, bytes))]
        loaders = [p for p in parts if isinstance(p, (DataLoader, Dataset)) or not _plain(p)]
        if loaders and len(loaders) <= 3:
            names = getattr(value, "_fields", _NAMES[len(loaders)])
            return dict(zip(map(str, names), loaders))
        if loaders:
            return {str(i): part for i, part in enumerate(loaders)}
        if not value:
            raise NoData("the target gives an empty list")
    return {prefix or "data": _checked(value, prefix)}


def _plain(value: Any) -> bool:
    """Whether a value is a sample rather than a source of samples."""
    return isinstance(value, (torch.Tensor, tuple, list, str, bytes, Mapping, int, float)) or (
        type(value).__module__.partition(".")[0] == "numpy"
    )


def _checked(value: Any, name: str) -> Any:
    if value is None or isinstance(value, (str, bytes)) or not _is_source(value):
        what = f"`{name}` of what the target gives" if name else "what the target gives"
        raise NoData(
            f"{what} is of type {type(value).__name__}, which is neither a loader nor a data set"
        )
    return value


def _of_module(module: Any) -> dict[str, Any]:
    """The loaders of a Lightning data module, set up as a trainer does."""
    for hook, arguments in (("prepare_data", ()), ("setup", ("fit",)), ("setup", ("test",))):
        method = getattr(module, hook, None)
        if callable(method):
            try:
                method(*arguments)
            except NotImplementedError:
                continue
    found = {}
    for name, hook in _HOOKS:
        try:
            loader = getattr(module, hook)()
        except (AttributeError, NotImplementedError, RuntimeError):
            continue
        if isinstance(loader, (list, tuple)):
            found.update({f"{name}-{i}": part for i, part in enumerate(loader)})
        elif loader is not None and _is_source(loader):
            found[name] = loader
    if not found:
        raise NoData(f"{type(module).__name__} gives no loader")
    return found


def kind_of(source: Any) -> str:
    """`loader`, `dataset` or `iterable`."""
    if isinstance(source, DataLoader):
        return "loader"
    if isinstance(source, IterableDataset):
        return "iterable"
    if isinstance(source, Dataset):
        return "dataset"
    # a loader of one's own iterates; what is only indexed is a data set
    if isinstance(source, Iterable) and not isinstance(source, (list, tuple)):
        return "iterable"
    return "dataset"


def length_of(source: Any) -> int | None:
    """How many samples, or batches, a source says that it has."""
    try:
        return len(source)
    except (TypeError, NotImplementedError, AttributeError):
        return None
