"""How the examples are shared out among the processes that train one model."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.loaders import (
    TrainingLoader,
    is_given_sampler,
    is_map_style,
    training_loaders,
)
from nnlint.questions.data.repeating import is_fixed_seed
from nnlint.questions.participants import made_within
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers, same_model
from nnlint.semantics.timeline import Block, Event, exclusive, loops_around
from nnlint.semantics.values import (
    ARGUMENTS,
    Arithmetic,
    Built,
    Choice,
    Constant,
    Instance,
    Items,
    Site,
    Unknown,
    Value,
    constant,
    names_of,
    options,
)
from nnlint.syntax.calls import argument_of, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk

_SETS_EPOCH = "set_epoch"
_BEGINS_EPOCH = re.compile(
    r"^_*(?:on|before|begin|start|pre|set|init|prepare|reset|next|new)(?:_[a-z]+)*_?epoch|epoch_?(?:start|begin|init)",
    re.IGNORECASE,
)
"""How programs call what they do before each epoch."""
_OF_PROCESS = re.compile(r"rank|world|shard|num_?replicas|process_?(?:index|id)|local_?id", re.I)
"""How programs call the number of a process, and that of all of them."""
_RANGES = frozenset({"range", "arange", "islice"})
_EACH_OWN = "torch.nn.parallel.DistributedDataParallel"
_OF_GROUP = re.compile(r"process_?group|distributed|spawn|launch|ddp|(?:^|[._])(?:dist|rank)", re.I)
"""What programs call that have several processes."""


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedOrder:
    """A distributed sampler that gives every epoch the same order."""

    sampler: Built
    loader: TrainingLoader
    batches: Block
    epochs: Block
    always: bool
    """Whether the loader has it on every path."""

    @property
    def place(self) -> Site:
        """What the loop over the batches is written to go over."""
        site = self.batches.site
        assert site is not None
        return Site(site.module, getattr(site.node, "iter", site.node))


def repeated_orders(program: Program) -> Iterator[RepeatedOrder]:
    """Distributed samplers of loaders that are gone over in every epoch and never told which."""
    for found in training_loaders(program):
        batches, epochs = found.batches, _epochs(found)
        if (
            batches is None
            or batches.site is None
            or epochs is None
            or not epochs.known
            or _is_prepared(program, found)
        ):
            continue
        sampler, always = distributed_sampler(found.loader)
        if sampler is None:
            sampler = _by_option(program, found.loader)
            if sampler is None or _mentions_epoch(program, found, epochs):
                continue
        if not _shuffles(sampler) or made_within(sampler, epochs):
            continue
        if not any(_tells_epoch(event, sampler) for event in program.events()):
            yield RepeatedOrder(sampler, found, batches, epochs, always)


def _epochs(found: TrainingLoader) -> Block | None:
    """The loop of epochs: one that goes over the same batches anew in each round."""
    for loop in loops_around(found.around)[::-1]:
        return None if made_within(found.loader, loop) else loop
    return None


def distributed_sampler(loader: Built) -> tuple[Built | None, bool]:
    """The distributed sampler that a loader has, and whether it has it on every path."""
    for name in ("sampler", "batch_sampler"):
        given = loader.arguments.get(name)
        if given is None:
            continue
        several = options(given)
        for option in several:
            inner = option
            if isinstance(option, Built) and option.entry.family == "batch":
                inner = option.arguments.get("sampler", option)
            if isinstance(inner, Built) and inner.entry.family == "distributed":
                return inner, len(several) == 1
    return None, False


def _by_option(program: Program, loader: Built) -> Built | None:
    """A distributed sampler that an option, off by default, puts under the name that a loader's
    call passes on."""
    node = loader.site.node
    given = argument_of(node, "sampler", 3)
    if not isinstance(given, ast.Name):
        return None
    function = function_around(loader.site.module, node)
    for event in program.events("build"):
        sampler = event.subject
        if (
            isinstance(sampler, Built)
            and sampler.entry.family == "distributed"
            and event.conditions
            and given.id in names_of(sampler)
            and function_around(sampler.site.module, sampler.site.node) is function
        ):
            return sampler
    return None


def _mentions_epoch(program: Program, found: TrainingLoader, epochs: Block) -> bool:
    """Whether a file that takes part names the method: in a branch that is off by default."""
    sites = [found.loader.site, epochs.site, found.batches.site if found.batches else None]
    modules = {id(s.module): s.module for s in sites if s is not None}
    modules[id(program.module)] = program.module
    return any(_SETS_EPOCH in m.words(m.tree).attributes for m in modules.values())


def _shuffles(sampler: Built) -> bool:
    """Whether a sampler shuffles, by the same seed in every epoch."""
    seed = sampler.arguments.get("seed")
    shuffle = sampler.arguments.get("shuffle")
    known = isinstance(shuffle, Constant) and bool(shuffle.value)
    return known and (seed is None or isinstance(seed, Constant)) and "epoch" not in sampler.state


def _is_prepared(program: Program, found: TrainingLoader) -> bool:
    """Whether a library goes over the loader, or has put another in its place."""
    return any(
        any(covers(given, found.loader) for given in event.operands)
        for event in program.events("prepare", "fit")
    )


def _tells_epoch(event: Event, sampler: Built) -> bool:
    """Whether something tells a sampler the epoch, or may do so."""
    name = event.name.rpartition(".")[2]
    if event.kind == _SETS_EPOCH or name == _SETS_EPOCH:
        subject = event.subject
        known = isinstance(subject, Built) and subject.entry.family == "distributed"
        return not known or covers(subject, sampler)
    if event.kind != "opaque":
        return False
    given = (event.subject, *event.operands)
    return bool(_BEGINS_EPOCH.search(name)) or any(covers(v, sampler) for v in given if v)


@dataclass(frozen=True, slots=True, eq=False)
class SharedData:
    """A loader by which every process goes over all of the data."""

    loader: TrainingLoader
    wrapped: Site
    """Where the model is wrapped, whose gradients the processes average."""
    same_batches: bool
    """Whether each process draws the same batches at the same time."""


def shared_data(program: Program) -> Iterator[SharedData]:
    """The training loaders of models that processes train together, without a part for each."""
    wraps = [(e, b) for e, b in program.walk() if e.kind == "wrap" and e.name == _EACH_OWN]
    if not wraps:
        return
    for found in training_loaders(program):
        if found.batches is None or found.chosen or not _is_whole(program, found):
            continue
        runs = found.batches.events("forward")
        for wrap, blocks in wraps:
            if not _is_of_group(program, wrap):
                continue
            trained = any(same_model(wrap.subject, run.subject) for run in runs)
            if trained and not exclusive(blocks, found.around):
                yield SharedData(found, wrap.site, _draws_alike(program))
                break


def _is_of_group(program: Program, wrap: Event) -> bool:
    """Whether a program has the processes that a wrapped model needs: one that sets up no group may
    have its model from a builder that can do more than is asked of it here."""
    if not wrap.conditions or wrap.site.module is program.module:
        return True
    return any(
        event.kind != "opaque" or _OF_GROUP.search(event.name)
        for event in program.events("launch", "join_processes", "opaque")
    )


def _is_whole(program: Program, found: TrainingLoader) -> bool:
    """Whether a loader is known to go over all examples in each process."""
    given = found.loader.arguments
    if found.loader.entry.parameter("sampler") is None or "**" in given:
        return False
    if is_given_sampler(found.loader):
        return False
    dataset = given.get("dataset")
    shuffles = constant(given.get("shuffle"), False, soft=False) is True
    # a stream cannot be shuffled by its loader
    if not (is_map_style(dataset) or (shuffles and dataset is not None)):
        return False
    return not (
        _knows_process(dataset)
        or _is_prepared(program, found)
        or any(map(_tells_process, program.events("seed")))
        or any(m.once(_shares_out, None) for m in _modules(program, found))
        or _is_alone(program)
    )


def _modules(program: Program, found: TrainingLoader) -> list[ModuleSyntax]:
    sites = [e.site for e in program.events("build") if e.subject is found.loader]
    dataset = found.loader.arguments.get("dataset")
    if isinstance(dataset, Built):
        sites.append(dataset.site)
    if isinstance(dataset, Instance):
        sites.append(Site(dataset.cls.scope.module, dataset.cls.node))
    modules = {id(s.module): s.module for s in sites}
    modules[id(program.module)] = program.module
    return list(modules.values())


def _knows_process(value: Value | None, depth: int = 5) -> bool:
    """Whether the number of the process goes into a data set."""
    match value:
        case _ if depth == 0:
            return False
        case Instance():
            words = value.cls.scope.module.words(value.cls.node)
            named = words.names | words.attributes | words.strings | value.named.keys()
            if any(map(_OF_PROCESS.search, named)):
                return True
            return any(_knows_process(v, depth - 1) for v in value.named.values())
        case Built():
            if _OF_PROCESS.search(_source(value.site)):
                return True
            return any(_knows_process(v, depth - 1) for v in value.arguments.values())
        case Items():
            return any(_knows_process(v, depth - 1) for v in value.items)
        case Choice():
            return any(_knows_process(v, depth - 1) for v in value.options)
        case Arithmetic():
            return any(_knows_process(v, depth - 1) for v in value.operands)
        case Unknown():
            if _OF_PROCESS.search(value.name):
                return True
            given = value.state.get(ARGUMENTS, ())
            return any(_knows_process(v, depth - 1) for v in given)
        case _:
            return False


def _source(site: Site) -> str:
    return ast.unparse(site.node)


def _tells_process(seed: Event) -> bool:
    """Whether a seed differs from process to process."""
    return bool(_OF_PROCESS.search(_source(seed.site))) or any(map(_knows_process, seed.operands))


def _shares_out(module: ModuleSyntax, _: None) -> bool:
    """Whether a file takes the part of a process out of something: `files[rank::world]`,
    `i % world_size == rank`, `data.shard(…)`."""
    for node in module.nodes:
        match node:
            case ast.Slice(lower=lower, upper=upper, step=step):
                ends = [end for end in (lower, upper, step) if end is not None]
                if any(_names_process(end) for end in ends):
                    return True
            case ast.BinOp(op=ast.Mod() | ast.FloorDiv() | ast.Mult(), left=left, right=right):
                parts = (left, right)
                if any(_names_process(part) for part in parts) and not _only_sizes(parts):
                    return True
            case ast.Call(func=called, args=[_, _, *_] as given) if last_name(called) in _RANGES:
                if any(map(_names_process, given)):
                    return True
            case ast.Call(func=called):
                if re.search(r"shard|by_node|scatter|partition", last_name(called)):
                    return True
            case _:
                pass
    return False


def _names_process(node: ast.AST) -> bool:
    return any(bool(_OF_PROCESS.search(last_name(n))) for n in walk(node) if last_name(n))


def _only_sizes(parts: tuple[ast.expr, ...]) -> bool:
    """Whether arithmetic is of how many there are only: batch sizes and rates are divided so."""
    names = {last_name(n) for part in parts for n in walk(part)} - {""}
    return not any(re.search(r"rank|shard|index|local_?id", name, re.I) for name in names)


def _is_alone(program: Program) -> bool:
    """Whether there is one process only."""
    for event in program.events("join_processes"):
        size = argument_of(event.site.node, "world_size", 3)
        if isinstance(size, ast.Constant) and size.value == 1:
            return True
    return False


def _draws_alike(program: Program) -> bool:
    """Whether all processes begin with the same random state."""
    seeds = program.events("seed")
    return bool(seeds) and all(e.operands and is_fixed_seed(e.operands[0]) for e in seeds)
