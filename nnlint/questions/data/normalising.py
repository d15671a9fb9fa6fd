"""Whether evaluation data is prepared as training data is: normalised, and of the same size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from nnlint.questions.data.same_inputs import are_inputs_alike
from nnlint.questions.data.splits import (
    EVAL,
    TRAIN,
    Uses,
    datasets_in,
    role_of_dataset,
    role_of_name,
    uses_of,
)
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import exclude
from nnlint.semantics.interpreter.samples import LAZY_TRANSFORMS
from nnlint.semantics.timeline import Event, way_of_sample
from nnlint.semantics.transforms import is_random_transform
from nnlint.semantics.values import (
    Built,
    Condition,
    Constant,
    Instance,
    Items,
    Site,
    Unknown,
    Value,
)
from nnlint.syntax.calls import called_name

Numbers = tuple[float, ...]
_CLOSE = 0.02
"""Means that differ by less are rounded."""
_NEAR = 0.1
"""Deviations that differ by less, relative to the larger one, are rounded."""
_SIZES = frozenset({"resize", "crop"})
_GREY = "Grayscale"


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """What is done to each sample of a data set, whatever is drawn."""

    holder: Built | Instance | Unknown
    build: Event
    steps: tuple[Built, ...]
    complete: bool
    """Whether all that is done to a sample is known."""
    pipeline: Site | None

    def step(self, family: str) -> Built | None:
        """The only step of a family; None where there is none, or several."""
        found = [step for step in self.steps if step.entry.family == family]
        return found[0] if len({id(s) for s in found}) == 1 else None

    def has(self, family: str) -> bool:
        """Whether there is a step of a family."""
        return any(step.entry.family == family for step in self.steps)


@dataclass(frozen=True, slots=True, eq=False)
class Mismatch:
    """A step in which the evaluation data differs from the training data."""

    kind: str
    """`lacks`: evaluation data is not normalised; `extra`: training data is not; `differs`: by
    other numbers; `smaller`: the images are; `colours`: only one of both is made grey."""
    site: Site
    train: Built
    eval: Built | None
    before: Built | None = None
    """What converts to tensors in the pipeline that lacks the step."""


def mismatched_preparations(program: Program) -> Iterator[Mismatch]:
    """Steps in which data for evaluation is prepared otherwise than what is trained on."""
    # what was trained elsewhere may have been trained on data that was prepared otherwise
    if program.events("load") and not program.trains:
        return
    holders = [e for e in program.events("build") if way_of_sample(e.subject) is not None]
    if len(holders) < _PAIR:
        return
    uses = uses_of(program)
    # a data set around another goes on with its samples
    wrapped = {
        id(inner)
        for event in holders
        if isinstance(event.subject, Instance)
        for inner in datasets_in(event.subject)
        if inner is not event.subject
    }
    holders = [event for event in holders if id(event.subject) not in wrapped]
    known = [(found, _role(found, uses)) for e in holders if (found := _preparation(e)) is not None]
    trained = [found for found, role in known if role == TRAIN]
    told: set[object] = set()
    for evaluated in (found for found, role in known if role == EVAL):
        alike = [
            found
            for found in trained
            if _same_data(found, evaluated)
            and are_inputs_alike(program, found.holder, evaluated.holder)
        ]
        mismatches = [_mismatch(t, evaluated) for t in alike]
        first = mismatches[0] if mismatches else None
        # where one of several kinds of training data is prepared so, it is the one meant
        if first is not None and all(m is not None and m.kind == first.kind for m in mismatches):
            if first.site.key not in told:
                told.add(first.site.key)
                yield first


_PAIR = 2


def _role(found: Preparation, uses: Uses) -> str:
    holder = found.holder
    # `data["train"]` of a data set that has parts
    part = role_of_name(holder.name) if isinstance(holder, Unknown) else ""
    return part or role_of_dataset(holder, uses)


def _preparation(event: Event) -> Preparation | None:
    holder = event.subject
    block = way_of_sample(holder)
    if not isinstance(holder, Built | Instance | Unknown) or block is None:
        return None
    if isinstance(holder, Built) and holder.entry.kind == "loader":
        return None
    steps: list[Built] = []
    unknown = block.events("opaque", "forward")
    complete = not block.events("given_up") and all(map(_only_reads, unknown))
    pipeline: Site | None = None
    for done, blocks in block.walk():
        if done.kind != "transform" or not isinstance(done.subject, Built):
            continue
        around = [b.subject for b in blocks if b.kind == "pipeline"]
        if any(not isinstance(c, Built) or c.entry.random for c in around):
            complete = False
        outer = next((c for c in around if isinstance(c, Built)), None)
        pipeline = pipeline or (outer.site if outer is not None else done.site)
        complete = complete and not done.conditions and all(map(_is_known, around))
        steps.append(done.subject)
    return Preparation(holder, event, tuple(steps), complete, pipeline) if steps else None


_READS = frozenset(
    "open convert imread cvtColor array asarray fromarray join from_numpy copy load read decode "
    "read_image str int len astype __getitem__ print".split()
)
"""Calls that read a picture, or give it another form."""


def _only_reads(event: Event) -> bool:
    """Whether a call that is not known changes no values of a picture."""
    return called_name(event.site.node) in _READS


def _is_known(container: Value | None) -> bool:
    """Whether all members of a container are transforms of a library."""
    if not isinstance(container, Built) or container.state.get("open"):
        return False
    return all(
        isinstance(m, Built) and m.entry.kind == "transform" and m.entry.family != "lambda"
        for m in container.members
    )


def _same_data(one: Preparation, other: Preparation) -> bool:
    """Whether two data sets are of one class, and may be there in one run."""
    if exclude(one.build.conditions, other.build.conditions):
        return False
    match one.holder, other.holder:
        case Built() as left, Built() as right:
            return left.entry.name == right.entry.name
        case Instance() as left, Instance() as right:
            return left.cls.node is right.cls.node
        case Unknown() as left, Unknown() as right:
            lazy = {one.build.name, other.build.name} <= LAZY_TRANSFORMS
            return lazy or left.name == right.name
        case _:
            return False


def _mismatch(train: Preparation, evaluated: Preparation) -> Mismatch | None:
    return next(chain(_normalised(train, evaluated), _sized(train, evaluated)), None)


def _normalised(train: Preparation, evaluated: Preparation) -> Iterator[Mismatch]:
    ours, theirs = train.step("normalize"), evaluated.step("normalize")
    if ours is not None and theirs is not None:
        if _differ(ours, theirs):
            yield Mismatch("differs", theirs.site, ours, theirs)
    elif ours is not None and not evaluated.has("normalize"):
        if evaluated.complete and not train.has("lambda") and evaluated.pipeline is not None:
            before = evaluated.step("to_tensor")
            if before is not None and _is_certain(ours.conditions):
                # a step that both go through is no place to put anything for one of them
                shared = any(s.site.key == before.site.key for s in train.steps)
                yield Mismatch("lacks", evaluated.pipeline, ours, None, None if shared else before)
    elif theirs is not None and not train.has("normalize") and train.complete:
        before = train.step("to_tensor")
        if before is not None and _is_certain(theirs.conditions):
            yield Mismatch("extra", theirs.site, before, theirs, before)
    if train.complete and evaluated.complete:
        greys = [[s for s in p.steps if s.entry.name.endswith(_GREY)] for p in (train, evaluated)]
        sites = [s.site for found in greys for s in found if not is_random_transform(s)]
        if len(sites) == 1 and evaluated.pipeline is not None:
            made = next(s for found in greys for s in found)
            yield Mismatch("colours", evaluated.pipeline, made, None)


def _is_certain(conditions: Sequence[Condition]) -> bool:
    """Whether no option decides about a step."""
    return not any(condition.soft for condition in conditions)


def _differ(ours: Built, theirs: Built) -> bool:
    """Whether two normalisations surely use other numbers."""
    if ours is theirs or ours.entry.name != theirs.entry.name:
        return False
    pairs = [
        (_numbers(ours.arguments.get(name)), _numbers(theirs.arguments.get(name)))
        for name in ("mean", "std")
    ]
    if not all(a and b and (len(a) == len(b) or 1 in (len(a), len(b))) for a, b in pairs):
        return False
    (means, other_means), (stds, other_stds) = pairs
    return any(abs(a - b) > _CLOSE for a, b in _matched(means, other_means)) or any(
        abs(a - b) > _NEAR * max(a, b) for a, b in _matched(stds, other_stds)
    )


def _matched(one: Numbers, other: Numbers) -> Iterator[tuple[float, float]]:
    count = max(len(one), len(other))
    repeated = (one * count if len(one) == 1 else one, other * count if len(other) == 1 else other)
    yield from zip(*repeated, strict=True)


def _numbers(value: Value | None) -> Numbers:
    """The numbers that a value is sure to hold; none where an option may set others."""
    if isinstance(value, Constant) and not value.soft:
        given = value.value if isinstance(value.value, list | tuple) else (value.value,)
        known = all(isinstance(n, int | float) for n in given)
        return tuple(float(n) for n in given) if known else ()
    if not isinstance(value, Items) or value.open:
        return ()
    inner = [_numbers(v) for v in value.items]
    return tuple(n for part in inner for n in part) if all(len(p) == 1 for p in inner) else ()


def _sized(train: Preparation, evaluated: Preparation) -> Iterator[Mismatch]:
    """Images for evaluation that are smaller than those that are trained on."""
    if not (train.complete and evaluated.complete):
        return
    ours, theirs = _last_size(train.steps), _last_size(evaluated.steps)
    if ours is None or theirs is None:
        return
    wanted, given = _side(ours), _side(theirs)
    if wanted and given and given < wanted:
        yield Mismatch("smaller", theirs.site, ours, theirs)


def _last_size(steps: Sequence[Built]) -> Built | None:
    return next((s for s in reversed(steps) if s.entry.family in _SIZES), None)


def _side(step: Built) -> float:
    """The number of pixels of a side that a step leaves, where both are alike."""
    sizes = _numbers(step.arguments.get("size"))
    if not sizes:
        sides = [_numbers(step.arguments.get(name)) for name in ("height", "width")]
        sizes = tuple(n for part in sides for n in part)
    return sizes[0] if sizes and len(set(sizes)) == 1 else 0.0
