"""The loaders that a model is trained on: told by the steps in the loops over them, and by what
trainers are given."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from nnlint.questions.data.splits import TRAIN, given_to_fit
from nnlint.questions.participants import made_within, steps_optimizer, updates_no_model
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event, own_events
from nnlint.semantics.values import (
    CALLED_ON,
    STORED_IN,
    Arithmetic,
    Built,
    Choice,
    Constant,
    Instance,
    Items,
    Maybe,
    Unknown,
    Value,
    bare,
    constant,
    names_of,
)
from nnlint.syntax.calls import argument_of

_HOOKS = frozenset({"train_dataloader"})
"""The method by which Lightning asks a module or data module for the loader to train on."""
_OVER_SEVERAL = frozenset({"enumerate", "zip", "iter", "cycle"})


@dataclass(frozen=True, slots=True, eq=False)
class TrainingLoader:
    """A loader that a model is trained on."""

    loader: Built
    batches: Block | None
    """The loop over it in which steps are taken; None where a trainer goes over it."""
    around: tuple[Block, ...]
    """The blocks that this loop, or what hands the loader to a trainer, stands in, outermost
    first."""
    chosen: bool = False
    """Whether it is one of several that the loop may go over."""


def training_loaders(program: Program) -> Sequence[TrainingLoader]:
    """The loaders that a program trains a model on, in order."""
    return program.once(_training_loaders)


def _training_loaders(program: Program) -> tuple[TrainingLoader, ...]:
    return (*_in_loops(program), *_given_to_trainers(program), *_of_hooks(program))


def _in_loops(program: Program) -> Iterator[TrainingLoader]:
    met: set[tuple[int, int]] = set()
    for event, blocks in program.walk():
        if event.kind != "step" or not _trains_model(program, event):
            continue
        place = _batch_loop(blocks)
        if place is None or not blocks[place].events("backward") or _adapts(event, blocks[place]):
            continue
        batches = blocks[place]
        for loader, chosen in _loaders_of(batches):
            if (id(loader), id(batches)) not in met:
                met.add((id(loader), id(batches)))
                yield TrainingLoader(loader, batches, blocks[:place], chosen)


def _batch_loop(blocks: Sequence[Block]) -> int | None:
    """The innermost loop around a place that goes over a loader, or takes batches from one."""
    for place in range(len(blocks) - 1, -1, -1):
        if blocks[place].kind == "loop" and any(_loaders_of(blocks[place])):
            return place
    return None


def _loaders_of(loop: Block) -> Iterator[tuple[Built, bool]]:
    """The loaders that a loop goes over; of one that goes over something else those from which it
    takes the next batch itself."""
    over = list(loaders_in(loop.subject))
    yield from over
    if not over:
        for child in own_events(loop):
            if child.kind == "next":
                yield from loaders_in(child.subject)


def _trains_model(program: Program, step: Event) -> bool:
    return steps_optimizer(step) and not updates_no_model(program.events(), step.subject)


def _adapts(step: Event, batches: Block) -> bool:
    """Whether each batch has an optimizer of its own, as where images are fitted one by one."""
    return step.subject is not None and made_within(step.subject, batches)


def _given_to_trainers(program: Program) -> Iterator[TrainingLoader]:
    for event, blocks in program.walk():
        if event.kind == "fit":
            for role, given in given_to_fit(event):
                for loader, chosen in loaders_in(given) if role == TRAIN else ():
                    yield TrainingLoader(loader, None, blocks, chosen)


def _of_hooks(program: Program) -> Iterator[TrainingLoader]:
    """What the methods build that a trainer asks for the loader to train on."""
    for loader, blocks in built_loaders(program):
        place = next((i for i, b in enumerate(blocks) if is_method(b, _HOOKS)), None)
        if place is not None:
            yield TrainingLoader(loader, None, blocks[:place])


def built_loaders(program: Program) -> Iterator[tuple[Built, tuple[Block, ...]]]:
    """The loaders that a program builds, with the blocks that each is built in."""
    for event, blocks in program.walk():
        loader = event.subject
        if event.kind == "build" and isinstance(loader, Built) and loader.entry.kind == "loader":
            yield loader, blocks


def is_method(block: Block, names: Set[str]) -> bool:
    """Whether a block is what a function or method with one of some names does."""
    return block.kind in ("call", "entry") and block.name.rpartition(".")[2] in names


def loaders_in(value: Value | None, chosen: bool = False) -> Iterator[tuple[Built, bool]]:
    """The loaders that a loop goes over, and whether each is one of several that it may be."""
    match value:
        case Built() if value.entry.kind == "loader":
            yield value, chosen
        case Arithmetic(operator=operator) if operator in _OVER_SEVERAL:
            for operand in value.operands:
                yield from loaders_in(operand, chosen)
        case Choice():
            for option in value.options:
                yield from loaders_in(option, True)
        case Maybe():
            yield from loaders_in(value.value, True)


def called(loader: Built) -> str:
    """What the program calls a loader: its variable, else the call that builds it."""
    return next(iter(names_of(loader)), "") or loader.site.text


def is_given_sampler(loader: Built) -> bool:
    """Whether a loader has a sampler, or its call passes what an option may make one."""
    for name in ("sampler", "batch_sampler"):
        given = loader.arguments.get(name)
        if given is not None and not (isinstance(given, Constant) and given.value is None):
            return True
        written = argument_of(loader.site.node, name, 3 if name == "sampler" else 4)
        if name in loader.explicit and not isinstance(written, ast.Constant):
            return True
    return False


def is_map_style(dataset: Value | None, depth: int = 6) -> bool:
    """Whether a dataset is known to give its examples by their numbers, so that a loader can
    draw them in any order."""
    match dataset:
        case _ if depth == 0:
            return False
        case Built() if dataset.entry.kind == "dataset":
            if dataset.entry.family in ("iterable", "base") or not dataset.explicit:
                return False
            if constant(dataset.arguments.get("streaming"), False) is not False:
                return False
            inner = dataset.arguments.get("dataset")
            if dataset.entry.family == "subset":
                # it takes its examples by their numbers
                return True
            if dataset.entry.family == "hugging_face":
                # without a split it is a table of several
                return "split" in dataset.explicit
            if dataset.entry.family == "concatenation":
                # what is not known of its parts may be windows of a series, or have an order
                return _is_known_list(dataset.arguments.get("datasets"), depth - 1)
            return inner is None or is_map_style(inner, depth - 1)
        case Instance():
            names = [a.name for a in dataset.cls.ancestry() if not hasattr(a, "node")]
            return (
                dataset.cls.known
                and dataset.cls.find("__getitem__") is not None
                and dataset.cls.find("__iter__") is None
                and not any(name.endswith("IterableDataset") for name in names)
            )
        case Items(kind="list"):
            return True
        case Choice():
            return all(is_map_style(option, depth - 1) for option in dataset.options)
        case Unknown():
            return split_of_hub(dataset) is not None
        case _:
            return False


_KEEPING = frozenset(
    "map filter remove_columns rename_column rename_columns select_columns add_column cast "
    "cast_column class_encode_column flatten with_format with_transform align_labels_with_mapping "
    "prepare_for_task".split()
)
"""Methods of Hugging Face data sets, and of tables of them, that leave examples in their order."""


def split_of_hub(dataset: Value | None, depth: int = 20) -> str | None:
    """What the split of a Hugging Face data set is called that something is, held as a table in the
    order of the source: `train` for `load_dataset(…)["train"].map(…)`; None for anything else."""
    value, split = dataset, ""
    for _ in range(depth):
        match value:
            case Unknown() if (whole := value.state.get(STORED_IN)) is not None:
                value, split = whole, value.name.rpartition(".")[2]
            case Unknown(origin="call") if value.name.rpartition(".")[2] in _KEEPING:
                value = value.state.get(CALLED_ON)
            case Built() if value.entry.family == "hugging_face":
                if constant(value.arguments.get("streaming"), False) is not False:
                    return None
                named = constant(value.arguments.get("split"))
                return split or (named if isinstance(named, str) else None)
            case _:
                return None
    return None


def _is_known_list(parts: Value | None, depth: int) -> bool:
    """Whether datasets that are put one behind the other are known, and are of that kind."""
    match parts:
        case Items():
            return bool(parts.items) and all(
                is_map_style(bare(part), depth) for part in parts.items
            )
        case Choice():
            return all(_is_known_list(option, depth) for option in parts.options)
        case _:
            return False


def examples_of(loader: Built) -> int | None:
    """The number of examples in the data set of a loader, where it is one that everyone knows."""
    dataset = loader.arguments.get("dataset")
    if not isinstance(dataset, Built):
        return None
    split = constant(dataset.arguments.get(dataset.entry.split_parameter or "train"))
    number = dataset.entry.options.get("train_examples" if split is True else "test_examples")
    return number if isinstance(number, int) else None
