"""Whether a model is trained on its examples in the order in which they are stored."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nnlint.questions.data.loaders import (
    TrainingLoader,
    is_given_sampler,
    is_map_style,
    training_loaders,
)
from nnlint.questions.data.splits import EVAL, role_of_name
from nnlint.questions.training.carrying import takes_state_along
from nnlint.semantics.analysis import Program
from nnlint.semantics.draws import depends_on_draw
from nnlint.semantics.timeline import Event, loops_around, way_of_sample
from nnlint.semantics.values import (
    SAMPLED,
    Built,
    Choice,
    Constant,
    Function,
    Instance,
    Items,
    Maybe,
    Tensor,
    Unknown,
    Value,
    names_of,
)
from nnlint.syntax.calls import called_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

_IN_ORDER = re.compile(
    r"time_?ser|timeser|series|forecast|look_?back|horizon(?!tal)|window|(?<!max_)(?<!max)seq_?len|bptt|stateful|stream|"
    r"video|(?<!data)frames|trajector|rollout|replay|online|continual|curricul|sorted|bucket|stock|"
    r"temporal|corpus|chronolog|sequential|autoregress|overfit|sanity",
    re.IGNORECASE,
)
"""How programs call data whose order is a part of it, or is chosen."""
_MADE_UP = frozenset(
    "make_classification make_regression make_moons make_circles make_blobs make_swiss_roll "
    "make_s_curve make_friedman1 make_gaussian_quantiles".split()
)
"""What makes data up in scikit-learn."""
_SHUFFLES = re.compile(r"shuffle|permut|randperm|reindex", re.IGNORECASE)


def unshuffled_loaders(program: Program) -> Iterator[TrainingLoader]:
    """The training loaders that are known to give the examples in the order of their numbers,
    where that order is not the data's own."""
    for found in training_loaders(program):
        if (
            not found.chosen
            and keeps_order(found.loader)
            and is_map_style(found.loader.arguments.get("dataset"))
            and not _is_meant(program, found)
        ):
            yield found


def keeps_order(loader: Built) -> bool:
    """Whether a loader is known neither to shuffle nor to have a sampler."""
    given = loader.arguments
    if loader.entry.parameter("sampler") is None or "**" in given:
        return False
    if is_given_sampler(loader):
        return False
    shuffle = given.get("shuffle")
    if not isinstance(shuffle, Constant) or shuffle.value not in (None, False):
        return False
    return not (shuffle.soft and _is_option(shuffle))


def _is_option(value: Constant) -> bool:
    """Whether a default is that of an option on the command line, which a person sets."""
    if value.site is None:
        return True
    placed = enclosing_statement(value.site.module, value.site.node)
    return placed is not None and any(
        called_name(node) in ("add_argument", "option", "set_defaults", "Option")
        for node in walk(placed.node)
        if isinstance(node, ast.Call)
    )


def _is_meant(program: Program, found: TrainingLoader) -> bool:
    """Whether the order is the data's own, makes no difference, or is changed in other ways."""
    dataset = found.loader.arguments.get("dataset")
    names = [*names_of(found.loader), *_names(dataset)]
    if any(_IN_ORDER.search(name) or role_of_name(name) == EVAL for name in names):
        return True
    return (
        _is_whole(found.loader)
        or _is_drawn(dataset)
        or _is_made_up(found.loader)
        or _gives_windows(dataset)
        or any(m.once(_cuts_windows, None) for m in {program.module, found.loader.site.module})
        or _orders_itself(dataset)
        or _is_shuffled_by_hand(program, found)
        or (found.batches is not None and takes_state_along(found.batches))
    )


def _names(dataset: Value | None, depth: int = 4) -> Iterator[str]:
    """What a dataset and what it is made of are called."""
    if dataset is None or depth == 0:
        return
    yield from names_of(dataset)
    match dataset:
        case Instance():
            yield dataset.cls.node.name
            for name, value in dataset.named.items():
                yield name
                yield from _names(value, depth - 1)
        case Built() if dataset.entry.kind == "dataset":
            yield dataset.site.text
            for value in dataset.arguments.values():
                yield from _names(value, depth - 1)
        case Items():
            for item in dataset.items:
                yield from _names(item, depth - 1)
        case Unknown():
            yield dataset.name


def _is_whole(loader: Built) -> bool:
    """Whether one batch is all of the data: `batch_size=len(dataset)`."""
    size = loader.arguments.get("batch_size")
    return isinstance(size, Unknown) and size.origin == "length"


def _is_drawn(dataset: Value | None, depth: int = 4) -> bool:
    """Whether the examples are drawn by the program: any order of them is as good."""
    match dataset:
        case _ if depth == 0:
            return False
        case Instance():
            block = way_of_sample(dataset)
            drawn = block is not None and bool(block.events("draw"))
            return drawn or depends_on_draw(dataset.state.get(SAMPLED))
        case Built():
            inner = [v for v in dataset.arguments.values() if isinstance(v, Value)]
            return any(_is_drawn(value, depth - 1) for value in inner)
        case Items():
            return any(_is_drawn(value, depth - 1) for value in dataset.items)
        case Tensor() | Unknown():
            return depends_on_draw(dataset)
        case _:
            return False


def _is_made_up(made: Value | None, depth: int = 4) -> bool:
    """Whether a file in which a loader, or what it loads, is made has examples drawn by
    scikit-learn, in an order at random."""
    if depth == 0 or not isinstance(made, Built):
        return False
    words = made.site.module.words(made.site.module.tree)
    if not _MADE_UP.isdisjoint(words.names | words.attributes):
        return True
    return _is_made_up(made.arguments.get("dataset"), depth - 1)


def _gives_windows(dataset: Value | None, depth: int = 4) -> bool:
    """Whether an example is a stretch of what is stored: `self.values[i : i + 24]`."""
    match dataset:
        case _ if depth == 0:
            return False
        case Instance():
            item = dataset.cls.find("__getitem__")
            return isinstance(item, Function) and _slices_by_index(item.node)
        case Built():
            # a subset, or several put one behind the other
            inner = (dataset.arguments.get(name) for name in ("dataset", "datasets"))
            return any(_gives_windows(value, depth - 1) for value in inner)
        case Items():
            return any(_gives_windows(value, depth - 1) for value in dataset.items)
        case Maybe():
            return _gives_windows(dataset.value, depth - 1)
        case Choice():
            return any(_gives_windows(option, depth - 1) for option in dataset.options)
        case _:
            return False


def _slices_by_index(item: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    """Whether a method slices something by what depends on its argument."""
    derived = {argument.arg for argument in item.args.args[1:2]}
    for node in walk(item):
        match node:
            case ast.Assign(targets=[*targets], value=value):
                if _mentions(value, derived):
                    derived |= {n.id for t in targets for n in walk(t) if isinstance(n, ast.Name)}
            case ast.Slice(lower=lower, upper=upper):
                if any(end is not None and _mentions(end, derived) for end in (lower, upper)):
                    return True
    return False


def _cuts_windows(module: ModuleSyntax, _: None) -> bool:
    """Whether a file cuts overlapping windows out of a series: `values[i : i + past]` for each
    place in it."""
    for node in module.nodes:
        match node:
            case ast.For(target=ast.Name(id=place), iter=over):
                if _counts_by_one(over) and _cuts_at(node, place):
                    return True
            case ast.ListComp(
                elt=element, generators=[ast.comprehension(target=ast.Name(id=place))]
            ):
                if _counts_by_one(node.generators[0].iter) and _cuts_at(element, place):
                    return True
            case ast.Call() if called_name(node) == "sliding_window_view":
                return True
            case _:
                pass
    return False


def _counts_by_one(over: ast.expr) -> bool:
    return called_name(over) == "range" and len(getattr(over, "args", ())) < 3


def _cuts_at(node: ast.AST, place: str) -> bool:
    """Whether a stretch that begins or ends at a place is cut out of something."""
    for inner in walk(node):
        if isinstance(inner, ast.Slice) and inner.lower is not None and inner.upper is not None:
            if _mentions(inner.lower, {place}) and _mentions(inner.upper, {place}):
                if not isinstance(inner.lower, ast.BinOp) or not isinstance(
                    inner.lower.op, ast.Mult
                ):
                    return True
    return False


def _mentions(expression: ast.AST, names: set[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in names for n in walk(expression))


def _orders_itself(dataset: Value | None, depth: int = 4) -> bool:
    """Whether the class of a dataset shuffles what it holds, or sorts it by what it chooses."""
    match dataset:
        case _ if depth == 0:
            return False
        case Instance():
            words = dataset.cls.scope.module.words(dataset.cls.node)
            if any(map(_SHUFFLES.search, words.names | words.attributes)):
                return True
            return any(_sorts(node) for node in walk(dataset.cls.node))
        case Built():
            return _orders_itself(dataset.arguments.get("dataset"), depth - 1)
        case _:
            return False


def _sorts(node: ast.AST) -> bool:
    """Whether something is sorted by what is chosen, as examples by their lengths are."""
    chosen = {k.arg for k in node.keywords} if isinstance(node, ast.Call) else set()
    return called_name(node) == "sort_values" or (
        called_name(node) in ("sort", "sorted") and "key" in chosen
    )


def _is_shuffled_by_hand(program: Program, found: TrainingLoader) -> bool:
    """Whether the program shuffles something before it trains, or between rounds.

    Where that may only have been done to split the data, the order of a part is the same in all
    epochs.
    """
    dataset = found.loader.arguments.get("dataset")
    if isinstance(dataset, Built) and dataset.entry.family == "subset":
        rounds = loops_around(found.around)
        return any(_shuffles(e) for loop in rounds for e in loop.events("draw", "opaque"))
    return any(map(_shuffles, program.events("draw", "opaque"))) or any(
        operation.entry.name == "torch.randperm" for operation in program.operations
    )


def _shuffles(event: Event) -> bool:
    name = event.name.rpartition(".")[2]
    # `frame.sample(frac=1)` gives all rows in another order
    return bool(_SHUFFLES.search(name)) or (name == "sample" and "frac" in event.keywords)
