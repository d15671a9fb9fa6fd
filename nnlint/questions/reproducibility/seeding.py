"""Questions about torch's random state: is it fixed, and where does it first matter?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace

from nnlint.questions.data.randomness import random_events
from nnlint.questions.model.layers import has_trained_weights
from nnlint.questions.participants import is_library_call, steps_optimizer, updates_no_model
from nnlint.questions.reproducibility.drawing import AUGMENTATION, drawn_in_training
from nnlint.questions.training.passes import passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import behind
from nnlint.semantics.holding import covers, parts
from nnlint.semantics.library import load_library
from nnlint.semantics.timeline import Event, exclusive, way_of_sample
from nnlint.semantics.values import (
    IS_CALLED,
    NONE,
    Built,
    Class,
    Constant,
    Function,
    Instance,
    Items,
    Operation,
    Site,
    Tensor,
    Unknown,
    Value,
    constant,
    options,
    states,
)
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.walking import walk

MAY_SEED = re.compile(
    r"seed|determin|reproduc|random|rng|setup|set_up|init|prepare|configure", re.IGNORECASE
)
_OTHER_SETUP = re.compile(
    r"weight|hidden|layer|param|bias|state|sequence|log|wandb|writer|tracker|optim|sched|model|"
    r"loader|batch|token|vocab|plot|epoch|process|distrib|^_",
    re.IGNORECASE,
)
_OTHER_SEEDS = re.compile(
    r"env|space|gym|sampl|dataset|split|rng|shuffle|reset|make", re.IGNORECASE
)
WEIGHTED_FAMILIES = frozenset(
    {"linear", "conv", "conv_transpose", "rnn", "attention", "transformer", "embedding"}
)


_MEASURES = frozenset(
    {"perf_counter", "perf_counter_ns", "synchronize", "profile", "Timer", "max_memory_allocated"}
)
"""Names by which a program measures how fast something runs, or how much memory it takes."""


_CLOCKS = frozenset({"time", "timeit", "default_timer", "monotonic", "elapsed_time"})
"""Names by which a program looks at the clock, as it also may beside training."""
_KEEPS = frozenset(
    {"item", "save", "state_dict", "eval", "tolist", "numpy", "no_grad", "plot", "add_scalar"}
)
"""Names by which a program looks at what is trained, or keeps it."""


def trains_in_a_loop(program: Program) -> bool:
    """Whether a program trains: a trainer fits, or an optimizer steps in a loop.

    One that measures steps on made-up data trains nothing that anyone keeps, nor does one in which
    a trainer only looks for a batch size or learning rate.
    """
    if any(event.name.rpartition(".")[2] != "tune" for event in program.events("fit")):
        return True
    if _only_measures(program):
        return False
    return bool(program.events("backward")) and any(
        event.kind == "step" and any(block.kind == "loop" for block in blocks)
        for event, blocks in program.walk()
    )


def _only_measures(program: Program) -> bool:
    module = program.module
    words = module.words(module.tree)
    said = words.names | words.attributes
    # a variable may be called `time`, too
    looks_at_clock = not _CLOCKS.isdisjoint(words.attributes) or any(
        isinstance(statement, ast.ImportFrom)
        for name in _CLOCKS & words.names
        for statement in module.bindings.get(name, ())
    )
    if _MEASURES.isdisjoint(said) and not (looks_at_clock and _KEEPS.isdisjoint(said)):
        return False
    run = passes(program)
    return bool(run) and all(p.on_made_up_data for p in run)


def fixes_seed(program: Program) -> bool:
    """Whether a program fixes torch's seed, or calls something unresolved that may do so.

    What the modules that it imports do when they are imported counts.
    """
    return (
        any(map(_may_seed, program.events()))
        or any(_may_seed(event) for event, _ in program.imports.walk())
        or not program.imports.known
        or _is_subcommand(program)
    )


def _is_subcommand(program: Program) -> bool:
    """Whether another file puts a command into a group: what the group does comes before it."""
    own = (n for n in program.module.tree.body if isinstance(n, ast.FunctionDef))
    decorators = [d for n in own if n.name == program.name for d in n.decorator_list]
    if not any(last_name(getattr(d, "func", d)) == "command" for d in decorators):
        return False
    others = program.naming(program.name)
    return any("add_command" in module.words(module.tree).attributes for module in others)


def seeds_anything(program: Program) -> bool:
    """Whether a program fixes the state of some generator, or calls what may do so."""
    return bool(program.events("seed", "other_seed")) or fixes_seed(program)


def may_seed(event: Event, family: str) -> bool:
    """Whether an event fixes the global state of a family of generators, or may do so.

    Parameters:
        family: torch, numpy or random.
    """
    if event.kind in ("seed", "other_seed"):
        entry = load_library().get(event.name)
        return entry is None or not entry.seeds or family in entry.seeds
    return _may_seed(event)


def _may_seed(event: Event) -> bool:
    match event.kind:
        case "seed":
            return True
        case "build":
            return _seeds_itself(event.subject)
        case "fit":
            # an unresolved trainer may seed, as most do
            return not isinstance(event.subject, Instance | Built) or _seeds_itself(event.subject)
        case "opaque" | "forward":
            return _unresolved_may_seed(event)
        case _:
            return False


def _seeds_itself(value: Value | None) -> bool:
    return isinstance(value, Built) and bool(value.entry.seeds)


def _unresolved_may_seed(event: Event) -> bool:
    called = event.name.rpartition(".")[2]
    if isinstance(event.subject, Unknown):
        receiver = event.subject.name
    else:
        receiver = event.name.rpartition(".")[0]
    if _OTHER_SEEDS.search(receiver):
        return False
    if "seed" in event.keywords and not _OTHER_SEEDS.search(called):
        return True
    if any(isinstance(v, Class) and _seeds_when_made(v) for v in event.operands):
        # a parser of options makes it
        return True
    if is_library_call(event):
        return "seed" in called.lower()
    # what is given a model comes too late for its weights, and is no help for seeding
    if called[:1].isupper() or any(isinstance(v, Instance | Built) for v in event.operands):
        return "seed" in called.lower()
    return bool(MAY_SEED.search(called)) and not _OTHER_SETUP.search(called)


def _seeds_when_made(cls: Class) -> bool:
    """Whether an object of a class fixes a seed as it is made."""
    return any(
        isinstance(made := cls.find(name), Function)
        and any("seed" in called_name(n) for n in walk(made.node) if isinstance(n, ast.Call))
        for name in ("__init__", "__post_init__")
    )


@dataclass(frozen=True, slots=True)
class TurnedOff:
    """A value by which a program passes its own seeding over."""

    test: Site
    """What decides about it."""
    spelling: str
    """The value as an assignment: `seed = -1`."""


def turned_off(program: Program) -> TurnedOff | None:
    """What turns the seeding of a program off, where it is there."""
    for event in program.events("seed_off"):
        if isinstance(event.subject, Constant):
            return TurnedOff(event.site, f"{event.name} = {event.subject.value!r}")
    return None


@dataclass(frozen=True, slots=True)
class RandomStart:
    """Where a program first depends on the seed."""

    site: Site
    """The place in the program's own file from which it is reached."""
    origin: Site
    """What draws: where the model's layer or the loader is built, or the training call."""
    drawn: str
    """What is drawn there, as a noun; empty where the program does not show it."""


def random_start(program: Program) -> RandomStart | None:
    """Where a program first depends on the seed: a model or loader is built, or it trains.

    What is built in another module, or within a model's constructor, counts where the
    program itself has it built.
    """
    models = {e.site.key for e in program.events("build") if _is_model(e.subject)}
    steps = _steps(program)
    # without a model or a draw, training is the same calculation every time
    is_random = _draws_by_itself(program) or not (
        all(
            updates_no_model(program.events(), e.subject) or _updates_given(e.subject)
            for e in steps
        )
        or all(
            _is_fixed(program, e.subject) or _begins_fixed(e.subject) or _is_formula(e)
            for e in program.events("forward")
        )
    )
    loading: RandomStart | None = None
    training: RandomStart | None = None
    loaded = list(_loaded_first(program))
    # where no model is trained, one that is loaded is used as it was saved
    unchanged = not program.events("fit") and all(
        updates_no_model(program.events(), e.subject) for e in steps
    )
    trained = [blocks for event, blocks in program.walk() if event.kind in ("fit", "step")]
    for event, blocks in program.walk():
        if event.kind not in ("build", "fit", "step") or _is_seeded(event):
            continue
        if event.kind == "step" and event not in steps:
            continue
        if all(exclusive(blocks, others) for others in trained):
            # where it is made, the program does something else than training
            continue
        if event.kind == "build" and (drawn := _drawn_by(event.subject)):
            if any(_replaces(load, event, unchanged) for load in loaded):
                continue
            site = _in_program(program, _way(event), models)
            if drawn != IN_ORDER:
                return RandomStart(site, event.site, drawn)
            # what it loads may be changed at random on the way
            loading = loading or RandomStart(site, event.site, "")
        if event.kind != "build" and training is None and is_random:
            training = RandomStart(_in_program(program, _way(event), frozenset()), event.site, "")
    start = loading if loading and (training or _changes_data(program)) else training
    return _explained(program, start, training) if start else None


def _draws_by_itself(program: Program) -> bool:
    """Whether a trainer fits, or something is drawn from a state that all share."""
    return bool(program.events("fit")) or any(e.subject is None for e in program.events("draw"))


def _steps(program: Program) -> list[Event]:
    """The steps of optimizers, or all steps where none is known to be one."""
    steps = program.events("step")
    return [*filter(steps_optimizer, steps)] or [*steps]


def _explained(program: Program, start: RandomStart, training: RandomStart | None) -> RandomStart:
    """The start with what is drawn there, as far as the program shows it."""
    drawn = drawn_in_training(program)
    if drawn is None:
        return start
    if drawn.way:
        return RandomStart(_in_program(program, drawn.way, frozenset()), drawn.site, drawn.what)
    place = start if drawn.what == AUGMENTATION else training or start
    return replace(place, origin=drawn.site, drawn=drawn.what)


IN_ORDER = "nothing but the seeds of its workers"


def _changes_data(program: Program) -> bool:
    """Whether anything random happens to the samples of a dataset."""
    for event in program.events("build"):
        block = way_of_sample(event.subject)
        if block is not None and (block.events("draw") or random_events([*block.walk()])):
            return True
    return bool(program.events("draw") or random_events(program.walk()))


def _drawn_by(value: Value | None) -> str:
    """What building or going over something draws from torch's generator, as a noun."""
    if not isinstance(value, Built):
        return ""
    if value.entry.family in WEIGHTED_FAMILIES:
        return "" if _is_given_weights(value) else "the initial weights"
    if value.entry.family == "hub" and constant(value.arguments.get("pretrained")) is not False:
        # a hub has tokenizers and trained models, too
        return ""
    if value.entry.kind == "model" and not (_is_trained_whole(value) or _has_no_new_head(value)):
        return "the initial weights"
    if value.entry.kind == "loader":
        drawn = _draws_order(value) or "**" in value.arguments
        return "the order of the data" if drawn else IN_ORDER
    return ""


def _is_given_weights(layer: Built) -> bool:
    """Whether tensors that are not drawn are put in the place of all weights of a layer."""
    names = ("weight",) if constant(layer.arguments.get("bias")) is False else ("weight", "bias")
    given = [layer.state.get(name) for name in names]
    return all(isinstance(tensor, Tensor) and not _is_drawn(tensor) for tensor in given)


def _is_drawn(tensor: Tensor) -> bool:
    return bool(behind(tensor, lambda operation: operation.entry.random, lambda _: False))


def _draws_order(loader: Built) -> bool:
    """Whether a loader shuffles by torch's random state: itself, or by a sampler that has no
    generator or seed of its own."""
    shuffle = loader.arguments.get("shuffle")
    given = loader.arguments.get("sampler")
    for sampler in options(given) if given is not None else (NONE,):
        if constant(sampler, sampler) is None:
            if constant(shuffle, shuffle) not in (None, False):
                return True
        elif isinstance(sampler, Built) and sampler.entry.parameter("generator") is not None:
            generator = sampler.arguments.get("generator")
            if constant(generator, generator) is None:
                return True
    return False


_NEW_HEADS = re.compile(
    r"Classification|Answering|MultipleChoice|Segmentation|Detection|Regression"
)
"""Models that a checkpoint of a language or vision model has no head for."""


def _has_no_new_head(model: Built) -> bool:
    """Whether all weights of a pretrained model come with it: `BertModel.from_pretrained(…)`."""
    return bool(model.entry.options.get("pretrained")) and not _NEW_HEADS.search(model.entry.name)


def _loaded_first(program: Program) -> Iterator[Event]:
    """The places before a model is trained at which one gets weights that no model of the run has."""
    events, steps = program.events(), _steps(program)
    for event in program.events("load", "fit", "step"):
        if event.kind == "step" and (event not in steps or updates_no_model(events, event.subject)):
            # an image that is changed, or actions that are planned
            continue
        if event.kind != "load":
            return
        if not any(True for value in event.operands for _ in states(value)):
            yield event


def _replaces(loaded: Event, built: Event, unchanged: bool) -> bool:
    """Whether the weights that are drawn at one place are all replaced at another, in any run."""
    node = loaded.site.node
    return (
        (covers(loaded.subject, built.subject) or _is_made_within(built, loaded.subject))
        and set(loaded.conditions) <= set(built.conditions)
        and isinstance(node, ast.Call)
        and (unchanged or not any(keyword.arg == "strict" for keyword in node.keywords))
        and len(node.args) == 1
    )


def _is_made_within(built: Event, model: Value | None) -> bool:
    """Whether something is built while a model is made."""
    made = model.site if isinstance(model, Instance) else None
    return made is not None and any(site.key == made.key for site in built.callers)


_FORMULA = re.compile(
    r"loss|criteri|fidelity|likelihood|physics|psnr|ssim|metric|mse|render|raster|\bL[12]$",
    re.IGNORECASE,
)
"""Names of what computes numbers or images from what it is given, and has no weights of its own."""


def _is_formula(event: Event) -> bool:
    """Whether something unresolved that is called is no model: a loss, a measurement, a function
    with a backward pass of its own."""
    if not isinstance(event.subject, Unknown):
        return False
    name = event.subject.name
    return name.endswith(".apply") or bool(_FORMULA.search(name))


def _updates_given(optimizer: Value | None) -> bool:
    """Whether all that an optimizer updates are tensors that begin at given numbers."""
    listed = optimizer.arguments.get("params") if isinstance(optimizer, Built) else None
    if not isinstance(listed, Items) or listed.open or not listed.items:
        return False
    return all(
        isinstance(v, Tensor) and isinstance(v.producer, Operation) and not _is_drawn(v)
        for v in listed.items
    )


def _begins_fixed(model: Value | None) -> bool:
    """Whether all that a model learns begins at given numbers, as the place of a camera does."""
    own, within = False, set[int]()
    waiting: list[Value] = [model] if isinstance(model, Instance | Built) else []
    while waiting:
        value = waiting.pop()
        if id(value) in within:
            continue
        within.add(id(value))
        match value:
            case Tensor(producer=Operation() as made):
                if _is_drawn(value):
                    return False
                own = own or made.entry.family == "parameter"
            case Instance() if not value.cls.known:
                return False
            case Built() if value.entry.kind == "model" or _drawn_by(value):
                return False
            case Unknown() if value.state.get(IS_CALLED) and not _FORMULA.search(value.name):
                return False
        waiting += parts(value)
    return own


def _is_seeded(event: Event) -> bool:
    """Whether a step is not an optimizer's, but that of a generator that is given its seed."""
    return event.kind == "step" and not steps_optimizer(event) and "seed" in event.keywords


def _is_model(value: Value | None) -> bool:
    return isinstance(value, Instance) and "training" in value.state


def _is_trained_whole(value: Value) -> bool:
    """Whether a model comes with trained weights, those of its head included: from a library,
    or as a whole from a file."""
    if isinstance(value, Unknown) and value.origin == "call":
        return value.name in ("torch.load", "torch.jit.load")
    return (
        isinstance(value, Built)
        and value.entry.kind == "model"
        and not value.entry.options.get("pretrained")
        and has_trained_weights(value)
        and ("num_classes" not in value.explicit or _has_no_head(value))
    )


def _has_no_head(model: Built) -> bool:
    """Whether a model is asked to end with its features: `num_classes=0` in timm."""
    return bool(constant(model.arguments.get("num_classes")) == 0)


def _is_fixed(program: Program, model: Value | None) -> bool:
    """Whether a model computes the same in every run: trained weights, in eval mode."""
    if model is None or not any(covers(e.subject, model) for e in program.events("eval")):
        return False
    within, waiting = dict[int, Value](), [model]
    while waiting:
        value = waiting.pop()
        if id(value) not in within:
            within[id(value)] = value
            waiting += [] if _is_trained_whole(value) else parts(value)
    own = [v for v in within.values() if isinstance(v, Built | Unknown)]
    return bool(own) and all(map(_is_trained_whole, own))


def _way(event: Event) -> tuple[Site, ...]:
    return (*event.callers, event.site)


def _in_program(program: Program, way: tuple[Site, ...], models: Set[object]) -> Site:
    """The innermost place in the entered file from which something is reached."""
    outer = next((i for i, site in enumerate(way) if site.key in models), len(way) - 1)
    own = [site for site in way[: outer + 1] if site.module is program.module]
    return own[-1] if own else way[outer]
