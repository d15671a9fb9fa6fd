"""Which part of the data something stands for: told by arguments, branches, use and names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nnlint.questions.data.repeated_samples import repeats_samples
from nnlint.questions.data.repeating import ANY_STATE, Walk, is_seeded_before
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    TEST,
    Arithmetic,
    Built,
    Choice,
    Condition,
    Constant,
    Function,
    Instance,
    Items,
    Maybe,
    Site,
    Unknown,
    Value,
    choices_of,
    names_of,
)
from nnlint.syntax.walking import walk

TRAIN, EVAL = "train", "eval"
PASS = "pass"
"""A use without gradients: evaluation, if other data is trained on."""
_TRAIN_WORDS = frozenset({"train", "training", "trn", "fit", "trainval", "trainvaltest"})
_EVAL_WORDS = frozenset(
    {"val", "valid", "validation", "validate", "eval", "evaluation", "evaluate", "test", "testing"}
    | {"dev", "holdout", "heldout", "inference", "minival"}
)
_SUFFIX = re.compile(
    r"^(train|val|valid|validation|eval|test|dev)"
    r"(?:set|sets|loader|loaders|data|dataset|dir|path|folder|root|dl|ds|split|generator|iter|tf|tfm)$"
)
_SPLIT_OPTION = re.compile(
    r"^(?:is_?|do_?|use_?|for_?)?(?:train(?:ing)?|eval|test|val(?:id|idation)?|split|mode|phase|stage"
    r"|subset|image_?set|set_?name|partition|set)$",
    re.IGNORECASE,
)


def role_of_name(name: str) -> str:
    """`train` or `eval` when a name or path says so unmistakably, else empty."""
    roles = {role for word in words_of(name) if (role := _role_of_word(word))}
    return roles.pop() if len(roles) == 1 else ""


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case: `trainX` and `train_x` have the same."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [w for w in re.split(r"[^a-z]+", text.lower()) if w]


def _role_of_word(word: str) -> str:
    suffixed = _SUFFIX.match(word)
    word = suffixed[1] if suffixed else word
    if word in _TRAIN_WORDS:
        return TRAIN
    return EVAL if word in _EVAL_WORDS else ""


def _is_plain_role(name: str) -> bool:
    """Whether a name says nothing but a part of the data: `train`, and not `coco_train`."""
    return all(map(_role_of_word, words_of(name)))


def role_of_text(value: Value) -> str:
    """What a text or path says: its last part that says something counts."""
    parts = [part for text in texts(value) for part in re.split(r"[/\\]", text)]
    return next((role for part in reversed(parts) if (role := role_of_name(part))), "")


def texts(value: Value) -> Iterator[str]:
    """The strings that are known in a value, in order."""
    if isinstance(value, Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, Unknown) and value.origin == "string":
        yield value.name


def role_of_condition(condition: Condition) -> str:
    """The part of the data for which a branch is taken: `if train:`, `split == "val"`."""
    told = _role_of_test(condition.site.node, condition.taken, condition.test)
    return told or (_role_of_result(condition.test) if condition.taken else "")


def _role_of_result(value: Value | None) -> str:
    """The role for which a value is true that was worked out before: `flip = train and draw`."""
    match value.state.get(TEST) if isinstance(value, Unknown) else None:
        case Arithmetic(operator="==", operands=(result, Constant(value=True))):
            return _role_of_result(result)
        case Arithmetic(operator="and", site=Site(node=node)):
            return _role_of_test(node, True, None)
        case _:
            return ""


def _role_of_test(node: ast.AST, taken: bool, value: Value | None) -> str:
    match node:
        case ast.UnaryOp(op=ast.Not()):
            return _role_of_test(node.operand, not taken, None)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            role = role_of_name(name) if _SPLIT_OPTION.match(name) else ""
            chosen = _chosen_key(value)
            if chosen is not None:
                return chosen if taken else ""
            return _either(role, taken)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            equal = isinstance(op, ast.Eq | ast.Is | ast.In)
            if not equal and not isinstance(op, ast.NotEq | ast.IsNot | ast.NotIn):
                return ""
            flag = _constant_flag(right)
            if flag is not None:
                return _role_of_test(left, taken is (equal is flag), None)
            written = [text for side in (left, right) for text in _strings(side)]
            said = {role_of_name(text) for text in written}
            role = said.pop() if len(said) == 1 else ""
            if taken is not equal and not all(map(_is_plain_role, written)):
                # what is not one set for training may be another
                return ""
            return _either(role, taken is equal)
        case ast.BoolOp(op=ast.And(), values=values) if taken:
            roles = {_role_of_test(v, True, None) for v in values} - {""}
            return roles.pop() if len(roles) == 1 else ""
        case ast.BoolOp(op=ast.Or(), values=values):
            roles = {_role_of_test(v, taken, None) for v in values}
            return roles.pop() if len(roles) == 1 else ""
        case ast.MatchValue(value=inner):
            roles = {role_of_name(t) for t in _strings(inner)}
            return roles.pop() if taken and len(roles) == 1 else ""
        case _:
            chosen = _chosen_key(value)
            return chosen if chosen is not None and taken else ""


def _either(role: str, taken: bool) -> str:
    # what is not for training may be for anything else, and the other way round
    if taken:
        return role
    return {TRAIN: EVAL, EVAL: TRAIN}.get(role, "")


def _chosen_key(value: Value | None) -> str | None:
    """The role of a dictionary's key, for an item that is chosen by an unknown key."""
    test = value.state.get(TEST) if isinstance(value, Unknown) else None
    if isinstance(test, Arithmetic) and test.operator == "==" and len(test.operands) == 2:
        key = test.operands[1]
        if isinstance(key, Constant) and isinstance(key.value, str):
            return role_of_name(key.value)
    return None


def _constant_flag(node: ast.AST) -> bool | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, bool) else None


def _strings(node: ast.AST) -> Iterator[str]:
    for inner in walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def is_split_condition(condition: Condition) -> bool:
    """Whether a branch tells one part of the data from another."""
    if role_of_condition(condition):
        return True
    named = list(words(condition.site.node))
    return any(_SPLIT_OPTION.match(w) or role_of_name(w) for w in named)


_GIVES_DATA = re.compile(r"load|data|set|transform|split|source", re.IGNORECASE)


@dataclass(slots=True)
class Uses:
    """What a program does with its data: which loops and trainers go over which dataset."""

    trains: bool = False
    roles: dict[int, set[str]] = field(default_factory=dict)
    """For the identity of a dataset, the parts it is used as."""
    names: dict[int, list[str]] = field(default_factory=dict)
    """For the identity of a dataset, the names of the loaders and wrappers over it."""
    places: dict[int, str] = field(default_factory=dict)
    """For the identity of a dataset, the function that builds it or its loader."""
    shuffled: set[int] = field(default_factory=set)
    """Datasets that a loader shuffles."""
    tta: set[int] = field(default_factory=set)
    """Datasets that are gone over again and again in evaluation, to average predictions."""
    viewed: set[int] = field(default_factory=set)
    """Datasets whose examples a loader puts into a batch several times."""
    seeded: dict[int, bool] = field(default_factory=dict)
    """For the identity of a dataset, whether every evaluation begins with the same seed."""


def uses_of(program: Program) -> Uses:
    """How the datasets of a program are used."""
    return program.once(_uses_of)


def _uses_of(program: Program) -> Uses:
    uses = Uses(trains=program.trains)
    for event, blocks in program.walk():
        if event.kind == "build" and event.subject is not None:
            for dataset in datasets_in(event.subject):
                known = uses.names.setdefault(id(dataset), [])
                known += [n for n in names_of(event.subject) if n not in known]
                place = next((b.name for b in reversed(blocks) if b.kind in ("call", "entry")), "")
                if _GIVES_DATA.search(place):
                    uses.places.setdefault(id(dataset), place)
            _note_trainer(event, uses)
            if isinstance(event.subject, Built) and _shuffles(event.subject):
                uses.shuffled |= {id(d) for d in datasets_in(event.subject)}
            if repeats_samples(event.subject):
                uses.viewed |= {id(d) for d in datasets_in(event.subject)}
        elif event.kind == "fit":
            _note_fit(event, uses)
    for block, above in _loops(program.timeline, ()):
        _note_loop(block, above, uses, program.walk())
    return uses


def _shuffles(loader: Built) -> bool:
    shuffle = loader.arguments.get("shuffle")
    return loader.entry.kind == "loader" and isinstance(shuffle, Constant) and bool(shuffle.value)


def _note(uses: Uses, value: Value | None, role: str) -> None:
    for dataset in datasets_in(value):
        uses.roles.setdefault(id(dataset), set()).add(role)


def _note_trainer(event: Event, uses: Uses) -> None:
    trainer = event.subject
    if isinstance(trainer, Built) and trainer.entry.kind == "trainer":
        for name, value in trainer.arguments.items():
            if role := role_of_name(name):
                _note(uses, value, role)


def _note_fit(event: Event, uses: Uses) -> None:
    for role, value in given_to_fit(event):
        _note(uses, value, role)


def given_to_fit(fit: Event) -> Iterator[tuple[str, Value]]:
    """What a trainer is given to train on and to evaluate on: `fit(model, train, val)`."""
    call = fit.site.node
    count = len(fit.operands)
    if isinstance(call, ast.Call) and len(call.args) + len(call.keywords) == count:
        first = len(call.args)
        for keyword, value in zip(call.keywords, fit.operands[first:], strict=True):
            if role := role_of_name(keyword.arg or ""):
                yield role, value
        count = first
    for position, value in enumerate(fit.operands[: min(count, 3)]):
        if position:
            yield (TRAIN if position == 1 else EVAL), value


def _loops(block: Block, above: tuple[Block, ...]) -> Iterator[tuple[Block, tuple[Block, ...]]]:
    for child in block.children:
        if isinstance(child, Block):
            if child.kind == "loop":
                yield child, above
            yield from _loops(child, (*above, child))


def _note_loop(loop: Block, above: tuple[Block, ...], uses: Uses, walk: Walk) -> None:
    over = list(datasets_in(loop.subject))
    if not over:
        return
    if loop.events("backward", "step"):
        role = TRAIN
    elif any(not e.grad for e in loop.events("forward", "loss")):
        role = PASS
    else:
        return
    for dataset in over:
        uses.roles.setdefault(id(dataset), set()).add(role)
    outer = [b for b in above if b.kind == "loop" and not b.events("backward", "step", "fit")]
    if role != PASS:
        return
    if outer:
        uses.tta |= {id(d) for d in over}
    first = next((i for i, (_, blocks) in enumerate(walk) if loop in blocks), None)
    seeded = first is not None and is_seeded_before(walk, first, ANY_STATE)
    for dataset in over:
        uses.seeded[id(dataset)] = seeded and uses.seeded.get(id(dataset), True)


def datasets_in(value: Value | None, depth: int = 6) -> Iterator[Built | Instance | Unknown]:
    """The datasets behind a loader, a subset, a wrapper, or what goes over them."""
    if depth == 0 or value is None:
        return
    inner: Iterable[Value | None] = ()
    match value:
        case Built() if value.entry.kind == "dataset":
            yield value
            inner = value.arguments.values()
        case Built() if value.entry.kind in ("loader", "sampler"):
            inner = (value.arguments.get("dataset"), value.arguments.get("data_source"))
        case Instance():
            yield value
            inner = value.named.values() if value.named else value.arguments
        case Unknown():
            yield value
        case Choice():
            inner = value.options
        case Maybe():
            inner = (value.value,)
        case Items():
            inner = value.items
        case Arithmetic(operator="enumerate" | "zip"):
            inner = value.operands
    for part in inner:
        if not isinstance(part, Function):
            yield from datasets_in(part, depth - 1)


def role_of_dataset(dataset: Built | Instance | Unknown, uses: Uses) -> str:
    """Which part of the data a dataset holds: `train`, `eval`, or empty when not told."""
    told = _role_of_arguments(dataset)
    if told is not None:
        return told
    used = uses.roles.get(id(dataset), set())
    if TRAIN in used:
        return TRAIN
    conditions = () if isinstance(dataset, Unknown) else dataset.conditions
    for condition in (*reversed(conditions), *choices_of(dataset)):
        if role := role_of_condition(condition):
            return role
    for name in (*names_of(dataset), *uses.names.get(id(dataset), ())):
        if role := role_of_name(name):
            return role
    if role := role_of_name(uses.places.get(id(dataset), "")):
        return role
    if EVAL in used or (PASS in used and uses.trains):
        return EVAL
    for value in _arguments(dataset).values():
        if role := role_of_text(value):
            return role
    if isinstance(dataset, Instance) and (role := role_of_name(dataset.cls.node.name)):
        return role
    return TRAIN if id(dataset) in uses.shuffled else ""


def _arguments(dataset: Built | Instance | Unknown) -> dict[str, Value]:
    if isinstance(dataset, Built):
        return dataset.arguments
    return dataset.named if isinstance(dataset, Instance) else {}


def _role_of_arguments(dataset: Built | Instance | Unknown) -> str | None:
    """What the argument for the split says; None when there is no such argument."""
    if isinstance(dataset, Built):
        name = dataset.entry.split_parameter
        return _role_of_split(name, dataset.arguments.get(name)) if name else None
    if isinstance(dataset, Instance):
        for name, value in dataset.named.items():
            if _SPLIT_OPTION.match(name):
                role = _role_of_split(name, value)
                if role is not None:
                    return role
    return None


def _role_of_split(name: str, value: Value | None) -> str | None:
    if not isinstance(value, Constant):
        return None
    if isinstance(value.value, bool):
        return _either(role_of_name(name) or TRAIN, value.value)
    return role_of_name(value.value) if isinstance(value.value, str) else None
