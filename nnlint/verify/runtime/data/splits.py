"""From what a target gives to splits by name: loaders, data sets, or anything that iterates."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Optional

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ..construction.constructing import annotations_of
from .faults import NoData
from .leaves import is_batch, leaves_of

TRAINING = "train"
_AS_TRAINING = (TRAINING, "training", "fit")
_NAMES = {1: ("data",), 2: (TRAINING, "validation"), 3: (TRAINING, "validation", "test")}
_SPLIT_PARAMETERS = frozenset({"split", "mode", "subset", "phase", "partition", "stage", "part"})
_SPLIT_VALUES = ((TRAINING,), ("val", "valid", "validation", "dev"), ("test",))
_HOOKS = {
    TRAINING: "train_dataloader",
    "validation": "val_dataloader",
    "test": "test_dataloader",
}
_LIGHTNING = ("lightning", "pytorch_lightning", "lightning_fabric")


class Unmade:
    """In place of a split whose making raised: reading it says so, and the others are read."""

    def __init__(self, what: str, error: Exception) -> None:
        self.what, self.error = what, error


class Rows(Dataset[Any]):
    """Arrays of one length, such as inputs and labels, as a data set."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> Any:
        row = {name: column[index] for name, column in self.columns.items()}
        return tuple(row.values()) if "0" in row else row


def splits_of(
    target: Any,
    title: str,
    args: Optional[Sequence[Any]] = None,
    kwargs: Optional[Mapping[str, Any]] = None,
    only: str = "",
) -> dict[str, Any]:
    """The splits that a target gives, each something to iterate over or to index.

    Parameters:
        target: a loader, a data set, a function that makes some, a class of data sets, or a
            Lightning data module.
        args: what it is to be called with; None where nothing is written down.
        only: the one split that is wanted, where others need not be made.

    Raises:
        NoData: it gives something else, or wants other arguments.
    """
    calls = isinstance(target, type) or (callable(target) and not _gives_samples(target))
    if calls:
        return _called(target, title, list(args or ()), dict(kwargs or {}), only)
    if args is not None or kwargs is not None:
        raise NoData(f"{title} is a {type(target).__name__}, which takes no arguments")
    return _named(target, title, only)


def for_training(splits: Mapping[str, Any]) -> Any:
    """Of several splits that for training: by its name, else the first."""
    for name in (*_AS_TRAINING, *splits):
        if name in splits:
            return splits[name]
    raise AssertionError("there is one split at least")


def _called(
    target: Callable[..., Any], title: str, args: list[Any], kwargs: dict[str, Any], only: str
) -> dict[str, Any]:
    missing = _missing(target, args, kwargs)
    if len(missing) == 1 and missing[0] in _SPLIT_PARAMETERS:
        return _by_split(target, title, args, kwargs, missing[0], only)
    if missing == ["train"]:
        values = {TRAINING: True, "test": False}
        values = {only: values[only]} if only in values else values
        made = {s: called(target, title, args, {**kwargs, "train": v}) for s, v in values.items()}
        return {split: _checked(part, title, split) for split, part in made.items()}
    return _named(called(target, title, args, kwargs), title, only)


def called(
    target: Any, title: str, args: Sequence[Any] = (), kwargs: Optional[Mapping[str, Any]] = None
) -> Any:
    """What a function or class gives for some arguments; a path may be written down as text.

    Raises:
        NoData: it does not take them, or wants more.
    """
    kwargs = dict(kwargs or {})
    missing = _missing(target, args, kwargs)
    if missing:
        name = getattr(target, "__name__", title)
        wanted = ", ".join(f"`{parameter}`" for parameter in missing)
        shown = ", ".join(f"{parameter}=…" for parameter in missing)
        raise NoData(f"{title} needs {wanted}: write the arguments down, as in `…:{name}({shown})`")
    try:
        bound = inspect.signature(target).bind(*args, **kwargs)
    except TypeError as error:
        raise NoData(f"{title} cannot be called so: {error}") from error
    except ValueError:
        return target(*args, **kwargs)
    made_by: Any = vars(target).get("__init__", target) if isinstance(target, type) else target
    annotations = annotations_of(made_by)
    for parameter, value in bound.arguments.items():
        if annotations.get(parameter) is Path and isinstance(value, str):
            bound.arguments[parameter] = Path(value)
    return target(*bound.args, **bound.kwargs)


def _missing(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
    """The parameters that must be given, and are not."""
    try:
        signature = inspect.signature(target)
        given = signature.bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        p.name
        for p in signature.parameters.values()
        if p.default is p.empty and p.kind not in kinds and p.name not in given
    ]


def _by_split(
    target: Any, title: str, args: list[Any], kwargs: dict[str, Any], parameter: str, only: str
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    problem: Exception | None = None
    for names in _SPLIT_VALUES:
        for name in names if not only or only in names else ():
            try:
                made = called(target, title, args, {**kwargs, parameter: name})
                found[name] = _checked(made, title, name)
                break
            except Exception as error:
                problem = problem or error
    if not found and problem is not None:
        raise problem
    return found


def _gives_samples(value: Any) -> bool:
    """Whether a value is surely a source of samples, and no sample, path or list of names."""
    if isinstance(value, type):
        return False
    if isinstance(value, (DataLoader, Dataset)) or is_data_module(value) or is_table(value):
        return True
    return _is_source(value) and not _is_plain(value)


def is_data_module(value: Any) -> bool:
    """Whether it makes loaders as a data module of Lightning does."""
    return not isinstance(value, type) and callable(getattr(value, _HOOKS[TRAINING], None))


def is_table(value: Any) -> bool:
    """Whether it is a data set of Hugging Face."""
    return type(value).__module__.partition(".")[0] == "datasets" and hasattr(value, "features")


def _is_source(value: Any) -> bool:
    """Whether samples may come from a value: it is indexed, or iterated over."""
    indexed = hasattr(type(value), "__getitem__") and hasattr(type(value), "__len__")
    return (indexed or hasattr(type(value), "__iter__")) and not isinstance(value, (str, bytes))


def _is_array(value: Any) -> bool:
    numpy = type(value).__module__.partition(".")[0] == "numpy"
    return (isinstance(value, torch.Tensor) or numpy) and bool(getattr(value, "ndim", 0))


def _is_plain(value: Any) -> bool:
    """Whether a value is of those that samples are made of."""
    kinds = (torch.Tensor, tuple, list, str, bytes, Mapping, int, float, Path)
    return isinstance(value, kinds) or type(value).__module__.partition(".")[0] == "numpy"


def _named(value: Any, title: str, only: str) -> dict[str, Any]:
    if isinstance(value, (Mapping, tuple, list)) and not value:
        raise NoData(f"{title} gives an empty {type(value).__name__}")
    if is_data_module(value):
        return _of_module(value, title, only)
    if isinstance(value, (Mapping, tuple, list)):
        parts = _parts(value)
        sources = {name: part for name, part in parts.items() if _holds_sources(part)}
        if sources:
            return _with_names(value, sources, title, only)
        rows = _of_arrays(value, parts)
        if rows:
            return rows
        if isinstance(value, Mapping):
            found = {n: p for n, p in parts.items() if isinstance(p, (list, tuple))}
            if found:
                return found
            raise NoData(f"{title} gives a {type(value).__name__} without a loader or data set")
    return {"data": _checked(value, title)}


def _holds_sources(value: Any) -> bool:
    """Whether a value is a source of samples, or some by name or side by side."""
    if isinstance(value, (Mapping, tuple)):
        return any(map(_gives_samples, _parts(value).values()))
    return _gives_samples(value)


def _parts(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {str(name): part for name, part in value.items()}
    names = getattr(value, "_fields", range(len(value)))
    return dict(zip(map(str, names), value))


def _of_arrays(value: Any, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs and labels as arrays: of one split, or of several, which their lengths tell apart.

    A list is one of samples or batches; so it is not looked at.
    """
    if isinstance(value, list):
        return {}
    inner = [_parts(part) for part in parts.values() if isinstance(part, tuple)]
    if inner and len(inner) == len(parts) and all(len(_lengths(p)) == 1 for p in inner):
        names = parts if isinstance(value, Mapping) else _NAMES.get(len(inner), parts)
        return {name: Rows(part) for name, part in zip(names, inner)}
    lengths = _lengths(parts)
    if not 1 <= len(lengths) <= 3:
        return {}
    if len(lengths) == 1:
        return {"data": Rows(parts)}
    found = {}
    for name, length in zip(_NAMES[len(lengths)], lengths):
        alike = [part for part in parts.values() if len(part) == length]
        found[name] = Rows(dict(zip(map(str, range(len(alike))), alike)))
    return found


def _lengths(parts: Mapping[str, Any]) -> list[int]:
    """The lengths that there are, in order; none where something is no array."""
    if not all(map(_is_array, parts.values())):
        return []
    return list(dict.fromkeys(len(part) for part in parts.values()))


def _with_names(value: Any, sources: dict[str, Any], title: str, only: str) -> dict[str, Any]:
    """Sources with the names of splits; data modules among them with those of theirs."""
    if not isinstance(value, Mapping) and not hasattr(value, "_fields"):
        names = _NAMES.get(len(sources), tuple(map(str, range(len(sources)))))
        sources = dict(zip(names, sources.values()))
    found: dict[str, Any] = {}
    for name, part in sources.items():
        if is_data_module(part):
            inside = _of_module(part, title, only)
        elif isinstance(part, (Mapping, tuple)):
            inside = _named(part, title, only)
        else:
            found[name] = _checked(part, title, name)
            continue
        for inner, loader in inside.items():
            found[inner if len(sources) == 1 else f"{name}-{inner}"] = loader
    return found


def _checked(value: Any, title: str, name: str = "") -> Any:
    if value is None:
        raise NoData(f"{title} returns None{f' for `{name}`' if name else ''}")
    if type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns"):
        return value.to_dict("records")
    if _is_array(value) and value.ndim > 1:
        return Rows({"0": value})
    if isinstance(value, torch.Tensor) or not (_is_source(value) or isinstance(value, Dataset)):
        gives = f"gives a {type(value).__name__}{f' for `{name}`' if name else ''}"
        raise NoData(f"{title} {gives}, no loader, data set or iterable")
    return value


def _of_module(module: Any, title: str, only: str) -> dict[str, Any]:
    """The loaders of a Lightning data module, set up as a trainer does."""
    stages = ("fit",) if only in (TRAINING, "validation") else ("fit", "test")
    for hook, arguments in (("prepare_data", ()), *(("setup", (stage,)) for stage in stages)):
        method = getattr(module, hook, None)
        if callable(method):
            try:
                method(*arguments)
            except NotImplementedError:
                continue
    found: dict[str, Any] = {}
    problems: list[Exception] = []
    for name, hook in _HOOKS.items():
        if (only and name != only) or not hasattr(module, hook):
            continue
        try:
            made = getattr(module, hook)()
        except Exception as error:
            problems.append(error)
            # those that Lightning itself has raise where there is no such split
            if not _is_inherited(module, hook) and not isinstance(error, NotImplementedError):
                found[name] = Unmade(f"{hook}()", error)
            continue
        if made is not None:
            found.update(_loaders(made, name, f"{title}.{hook}()"))
    if all(isinstance(part, Unmade) for part in found.values()):
        if problems:
            raise problems[0]
        raise NoData(f"{title}: {type(module).__name__} gives no loader")
    return found


def _loaders(made: Any, name: str, title: str) -> dict[str, Any]:
    """One loader, or several beside each other."""
    # what Lightning combines is read apart
    made = getattr(made, "iterables", made) if _is_lightning(type(made)) else made
    if isinstance(made, (Mapping, tuple, list)) and any(map(_gives_samples, _parts(made).values())):
        parts = {k: p for k, p in _parts(made).items() if _gives_samples(p)}
        return {f"{name}-{key}": part for key, part in parts.items()}
    return {name: _checked(made, title)}


def _is_inherited(module: Any, hook: str) -> bool:
    """Whether a method is Lightning's own."""
    return _is_lightning(next((c for c in type(module).__mro__ if hook in vars(c)), type(module)))


def _is_lightning(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in _LIGHTNING


def kind_of(source: Any) -> str:
    """`loader`, `dataset` or `iterable`."""
    if isinstance(source, DataLoader):
        return "loader"
    if isinstance(source, (IterableDataset, Unmade)):
        return "iterable"
    if isinstance(source, Dataset) or (is_table(source) and hasattr(source, "__len__")):
        return "dataset"
    # a loader of one's own iterates; what is only indexed, and a list, holds samples or batches
    if isinstance(source, Iterable) and not isinstance(source, (list, tuple)):
        return "iterable"
    try:
        return "iterable" if is_batch(leaves_of(source[0])) else "dataset"
    except Exception:
        return "dataset"


def length_of(source: Any) -> int | None:
    """How many samples, or batches, a source says that it has."""
    try:
        return len(source)
    except Exception:
        # not every loader knows it before it is iterated over
        return None


def in_this_process(source: Any) -> Any:
    """The same loader without processes of its own, which the sandbox does not count on."""
    if isinstance(source, DataLoader):
        source.num_workers, source.timeout, source.pin_memory = 0, 0, False
    return source
