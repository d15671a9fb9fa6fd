"""Data pipelines: which transforms a dataset applies, which are random, and for which split."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.values import (
    Built,
    Choice,
    Condition,
    Constant,
    External,
    Instance,
    Items,
    Maybe,
    Site,
    Unknown,
    Value,
)

_TRAIN = re.compile(r"(?:^|_|\b)(?:train|training|trn|tr)(?:$|_|\b|\d)")
_EVAL = re.compile(
    r"(?:^|_|\b)(?:val|valid|validation|eval|evaluation|test|testing|dev)(?:$|_|\b|\d)"
)
_SPLIT_WORDS = re.compile(
    r"train|test|val\b|valid|eval|split|mode|phase|stage|subset", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, eq=False)
class RandomTransform:
    """A random transform in the pipeline of a dataset."""

    transform: Built
    pipeline: Site
    """Where the whole pipeline is built: a container, a list, or the transform itself."""
    dataset: Built | Instance
    role: str
    """`train`, `eval`, or empty when the program does not say."""
    switchable: bool
    """A condition, parameter or configuration value can turn it off."""


def random_transforms(program: Program) -> Iterator[RandomTransform]:
    """Every random transform of every dataset that a program builds."""
    for event in program.events("build"):
        dataset = event.subject
        if not isinstance(dataset, Built | Instance):
            continue
        for value in _transform_arguments(dataset):
            for option in _alternatives(value):
                if isinstance(option, Built) and option.entry.kind == "transform":
                    yield from _in_pipeline(option, dataset, value)


def _in_pipeline(
    pipeline: Built, dataset: Built | Instance, given: Value
) -> Iterator[RandomTransform]:
    whole = given.site if isinstance(given, Items) and given.site else pipeline.site
    role = dataset_role(dataset, pipeline)
    for transform, above in _leaves(pipeline, ()):
        if not is_random(transform):
            continue
        switchable = isinstance(given, Choice) and not role
        switchable = switchable or any(
            _is_switch(c) for b in (transform, *above) for c in b.conditions
        )
        switchable = switchable or any(_has_switch(b) for b in (transform, *above))
        switchable = switchable or any(_is_switch(c) for c in dataset.conditions)
        yield RandomTransform(transform, whole, dataset, role, switchable)


def _leaves(value: Value, above: tuple[Built, ...]) -> Iterator[tuple[Built, tuple[Built, ...]]]:
    bare = value.value if isinstance(value, Maybe) else value
    for option in _alternatives(bare):
        if not isinstance(option, Built):
            continue
        if option.members:
            for member in option.members:
                if isinstance(member, Maybe):
                    continue
                yield from _leaves(member, (*above, option))
        else:
            yield option, above


def is_random(transform: Built) -> bool:
    """Whether a transform does something else from one call to the next."""
    entry = transform.entry
    if entry.kind != "transform" or not entry.random:
        return False
    if entry.random_unless:
        strength = transform.arguments.get(entry.random_unless)
        if isinstance(strength, Constant) and not strength.value:
            return False
    return True


def _has_switch(transform: Built) -> bool:
    """Whether an option decides how often or how strongly a transform acts."""
    return any(
        isinstance(value, Unknown) or (isinstance(value, Constant) and value.soft)
        for name, value in transform.arguments.items()
        if name in (transform.entry.random_unless or "p", "p", "num_ops", "magnitude")
    )


def _is_switch(condition: Condition) -> bool:
    return not is_split_condition(condition)


def is_split_condition(condition: Condition) -> bool:
    """Whether a test tells training from evaluation, which is no switch."""
    names = [n.id for n in ast.walk(condition.site.node) if isinstance(n, ast.Name)]
    names += [n.attr for n in ast.walk(condition.site.node) if isinstance(n, ast.Attribute)]
    names += [
        n.value
        for n in ast.walk(condition.site.node)
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]
    augments = any("aug" in name.lower() for name in names)
    return not augments and any(_SPLIT_WORDS.search(name) for name in names)


def _transform_arguments(dataset: Built | Instance) -> Iterator[Value]:
    if isinstance(dataset, Built):
        if dataset.entry.kind == "dataset":
            for name in dataset.entry.transform_parameters or ("transform",):
                if name in dataset.arguments:
                    yield dataset.arguments[name]
        return
    if _is_dataset(dataset):
        yield from dataset.arguments
        yield from (
            v
            for k, v in dataset.state.items()
            if isinstance(v, Built) and v not in dataset.arguments
        )


def _is_dataset(value: Instance) -> bool:
    return any(
        isinstance(a, External) and a.entry is not None and a.entry.kind == "dataset"
        for a in value.cls.ancestry()
    ) or ("__getitem__" in value.cls.names and "__len__" in value.cls.names)


def dataset_role(dataset: Built | Instance, pipeline: Built | None = None) -> str:
    """Which part of the data a dataset holds: `train`, `eval`, or empty when not told."""
    if isinstance(dataset, Built) and dataset.entry.split_parameter:
        split = dataset.arguments.get(dataset.entry.split_parameter)
        if dataset.entry.split_parameter in dataset.explicit or isinstance(split, Constant):
            role = _role_of_value(split)
            if role or (isinstance(split, Constant) and split.value is not None):
                return role
            if isinstance(split, Unknown):
                return ""
    for holder in (dataset, pipeline):
        label = holder.state.get("label", "") if holder is not None else ""
        role = role_of_name(str(label))
        if role:
            return role
    arguments = dataset.arguments.values() if isinstance(dataset, Built) else dataset.arguments
    for value in arguments:
        role = (
            _role_of_value(value)
            if isinstance(value, Constant) and isinstance(value.value, str)
            else ""
        )
        if role:
            return role
    return ""


def _role_of_value(value: Value | None) -> str:
    if not isinstance(value, Constant):
        return ""
    if isinstance(value.value, bool):
        return "train" if value.value else "eval"
    return role_of_name(value.value) if isinstance(value.value, str) else ""


def role_of_name(name: str) -> str:
    """`train` or `eval` when a name or path says so unmistakably, else empty."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("/", "_").replace(".", "_")
    train, held_out = bool(_TRAIN.search(text)), bool(_EVAL.search(text))
    if train == held_out:
        return ""
    return "train" if train else "eval"


def _alternatives(value: Value) -> tuple[Value, ...]:
    if isinstance(value, Items):
        return tuple(v for item in value.items for v in _alternatives(item))
    return value.options if isinstance(value, Choice) else (value,)


def transform_name(built: Built) -> str:
    """The name the program uses for a transform's class."""
    return built.site.text.partition("(")[0]
