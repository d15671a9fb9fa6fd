"""Questions about evaluations that record gradients which nothing uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import is_model, spoken_name
from nnlint.questions.training.backpropagation import trained_places
from nnlint.questions.training.frozen import may_set
from nnlint.questions.training.modes import modes_before
from nnlint.questions.training.passes import PLAIN_DECORATOR, Pass, goes_over_data, passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import handles_failure, words
from nnlint.semantics.dataflow import tensor_of, upstream
from nnlint.semantics.holding import covers, same_model
from nnlint.semantics.registration import has_weights, is_module
from nnlint.semantics.timeline import Block, Event, loops_around
from nnlint.semantics.values import ARGUMENTS, Built, Instance, Site, Unknown
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import enclosing_statements, functions_around, runs_once
from nnlint.syntax.walking import walk

_LEAVES_GRADIENTS = re.compile(
    r"autocast|\bamp|tqdm|progress|\bbar\b|open|profil|record_function|time|device|writer|"
    r"nullcontext|stream|autograph|enable_grad|warnings|accumulate|anomaly|bf16|fp16|precision",
    re.IGNORECASE,
)
"""Contexts that leave it to others whether gradients are recorded."""
_WANTS_GRADIENTS = re.compile(
    r"(?<!no_)(?<!zero_)(?<!clip_)grad(?!_enabled|_scal|_norm|_clip|_acc)|backward|\bcam\b|salien|"
    r"attribut|attack|advers|perturb|hessian|jacob|influence|explain|fgsm|\bpgd|langevin|pinn|"
    r"physic|\bpde|collocation|forces?\b|laplac|deriv|invert|inversion|guidance|volatile",
    re.IGNORECASE,
)

_LOSS_NAME = re.compile(r"loss|criterion|objective", re.IGNORECASE)
_MEASURES = re.compile(
    r"loss|criterion|correct|accura|metric|score|label|target|argmax|predict|eval|test|valid",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedEvaluation:
    """An evaluation over data that records the gradients of its passes."""

    forward: Event
    part: Site
    """The outermost loop of the evaluation, in the function that runs the model, or the statement
    that runs it on all examples at once."""
    in_batches: bool
    """Whether it goes over the examples in a loop."""
    shown: Site
    """Where the program sets eval mode for it, or trains the model."""
    told: str
    """Which of the two it is."""


def recorded_evaluations(program: Program) -> Iterator[RecordedEvaluation]:
    """Evaluations with gradients on, of which nothing in sight could need any."""
    if any(operation.entry.family == "gradient" for operation in program.operations):
        return
    every = passes(program)
    # where nothing trains, the mode of a model tells what its passes are for
    idle = not program.events("backward", "step", "fit")
    seen: set[object] = set()
    for found in every:
        region = id(found.region[-1]) if found.region else id(found.event)
        part = _part_that_evaluates(found, idle, program)
        if part is None or region in seen or not _is_plain(found, program):
            continue
        shown = _evaluates(found, every, program)
        if (
            shown is None
            or (not found.named and modes_before(program, found.event) == {"train"})
            or _is_off_inside(found, program)
            or _may_be_off(found)
            or _is_off_around(found)
            or _is_volatile(found)
            or _is_frozen(found, program)
            or _is_off_on_request(found, program)
            or _may_extract(found, program)
            or _may_want_gradients(found)
            or found.only_builds_layers
        ):
            continue
        if _is_off_for_callers(found, program):
            continue
        main = _main_pass(found, every, program)
        if main is found.event and _is_called_loss(found) and _is_judged_without(found):
            continue
        seen.add(region)
        in_batches = any(block.kind == "loop" for block in found.region)
        yield RecordedEvaluation(main, part, in_batches, *shown)


def _is_volatile(found: Pass) -> bool:
    """Whether what a model is given was told to record nothing, as code of 2017 does."""
    tensors = [tensor for v in found.event.operands if (tensor := tensor_of(v)) is not None]
    return any(
        made.entry.family == "variable" and "volatile" in made.explicit
        for tensor in tensors
        for made in upstream(tensor, lambda operation: False)
    )


def _is_frozen(found: Pass, program: Program) -> bool:
    """Whether the parameters of the model may want no gradients: what comes before a head that is
    put on it then keeps nothing."""
    model = found.event.subject
    assert model is not None
    return may_set(program, model, False) and not may_set(program, model, True)


def _is_off_on_request(found: Pass, program: Program) -> bool:
    """Whether a parameter or option decides that the very same pass runs with gradients off."""
    taken = {c.site.key: c.taken for c in found.event.conditions}
    return any(
        not other.grad
        and other.site.key == found.event.site.key
        and any(taken.get(c.site.key, c.taken) is not c.taken for c in other.conditions)
        for other in program.events("forward")
    )


def _main_pass(found: Pass, every: tuple[Pass, ...], program: Program) -> Event:
    """The pass that people would name for an evaluation: a network's, not that of its loss."""
    if _is_called_loss(found):
        for other in every:
            same = bool(other.region) and other.region[-1] is found.region[-1]
            if same and other.event.grad and not _is_called_loss(other):
                if _is_plain(other, program):
                    return other.event
    return found.event


def _is_called_loss(found: Pass) -> bool:
    return bool(_LOSS_NAME.search(spoken_name(found.event).rpartition(".")[2]))


def _is_judged_without(loss: Pass) -> bool:
    """Whether what a loss is asked about is made with gradients off: it has nothing to keep."""
    made = (e for b in loss.region[-1:] for e in b.events("forward", "opaque"))
    return any(not event.grad for event in made)


def _part_that_evaluates(found: Pass, idle: bool, program: Program) -> Site | None:
    """The outermost loop of an evaluation with gradients on that goes over data, or the statement
    of one that is of all examples at once."""
    evaluates = found.role == "eval" or (idle and not found.role)
    evaluates = evaluates or _sets_eval_mode(found, program)
    if not evaluates or not found.event.grad or found.on_made_up_data:
        return None
    if handles_failure(found.event.conditions):
        # another attempt, without gradients, comes first
        return None
    loops = [loop for loop in loops_around(found.region) if loop.site]
    if any(runs_once(loop.site.node) for loop in loops if loop.site):
        return None
    if loops and (found.scored or any(goes_over_data(b) for b in loops)):
        return loops[-1].site
    # a method that does nothing else may be called for each batch, with gradients off
    whole = not loops and found.scored and found.batches is None
    whole = whole and (found.entry is None or bool(found.entry.events("backward", "eval")))
    chain = enclosing_statements(found.event.site.module, found.event.site.node) if whole else ()
    return Site(found.event.site.module, chain[-1].node) if chain else None


def _sets_eval_mode(found: Pass, program: Program) -> bool:
    """Whether a function that trains nothing puts the model into eval mode and then runs it,
    where no gradient goes back through what comes out."""
    model, last = found.event.subject, ""
    trained = program.once(trained_places)
    if not trained or found.event.site.key in trained:
        return False
    called = [b for b in found.region if b.kind in ("call", "entry")]
    for event, _ in called[-1].walk() if called and model is not None else ():
        if event is found.event:
            return last == "eval" and found.role != "other"
        if event.kind in ("train", "eval", "mode") and covers(event.subject, model):
            last = event.kind
    return False


def _is_plain(found: Pass, program: Program) -> bool:
    """Whether what runs is a model for sure."""
    subject = found.event.subject
    if isinstance(subject, Built) and subject.entry.kind == "layer" and not has_weights(subject):
        # a layer without parameters records nothing of what it is given
        return False
    return subject is not None and (
        not isinstance(subject, Unknown)
        or (
            is_model(subject, program.events())
            and not _is_wrapped(subject)
            and not _is_given_a_model(found, program)
        )
    )


def _is_given_a_model(found: Pass, program: Program) -> bool:
    """Whether what runs is handed a model with its data: a method of which nothing is known may
    train it for the task at hand."""
    return any(is_model(value, program.events()) for value in found.event.operands)


def _is_wrapped(made: Unknown) -> bool:
    """Whether a function of which nothing is known made something of a model: what it made may go
    backward by itself, as that does which shows what a network looks at."""
    given = made.state.get(ARGUMENTS, ())
    return made.origin == "call" and any(
        isinstance(value, Built | Instance) and is_module(value) for value in given
    )


def _evaluates(found: Pass, every: tuple[Pass, ...], program: Program) -> tuple[Site, str] | None:
    """What shows that the model is evaluated: it is put into eval mode, or trained elsewhere."""
    model = found.event.subject
    assert model is not None
    for event in program.events("eval"):
        if covers(event.subject, model):
            return event.site, "put into eval mode here"
    for other in every:
        if other.role == "train" and other.entry is found.entry:
            if same_model(other.event.subject, model):
                return other.event.site, "trained elsewhere"
    return None


def _is_off_inside(found: Pass, program: Program) -> bool:
    """Whether the model's own code turns gradients off on the way."""
    place = found.event.site.key
    return any(
        not operation.grad and any(site.key == place for site in operation.callers)
        for operation in program.operations
    )


def _is_off_for_callers(found: Pass, program: Program) -> bool:
    """Whether the other files that run it turn gradients off around it, each of them."""
    recorded = [event.grad for _, event in program.elsewhere(found.event)]
    return bool(recorded) and not any(recorded)


def _may_extract(found: Pass, program: Program) -> bool:
    """Whether a function that nothing in sight calls only takes features from what it is given:
    a network for that is often one whose parameters want no gradients, and keeps nothing."""
    model = found.event.subject
    if not isinstance(model, Unknown) or found.event.callers or program.trains:
        return False
    loops = [loop.site.node for loop in loops_around(found.region) if loop.site]
    return not (
        program.events("loss", "average")
        or any(operation.entry.kind in ("loss", "metric") for operation in program.operations)
        or any(_MEASURES.search(word) for loop in loops for word in words(loop))
    )


def _may_be_off(found: Pass) -> bool:
    """Whether a context or decorator around it that is not resolved may turn gradients off."""
    for site in (found.event.site, *found.event.callers):
        for statement, _ in enclosing_statements(site.module, site.node):
            if isinstance(statement, ast.With | ast.AsyncWith):
                parts = [item.context_expr for item in statement.items]
                known = _LEAVES_GRADIENTS
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                parts, known = statement.decorator_list, PLAIN_DECORATOR
            else:
                continue
            named = [a for part in parts for a in _alternatives(site, part)]
            if any(not known.search(site.module.text(part)) for part in named):
                return True
    return False


def _is_off_around(found: Pass) -> bool:
    """Whether a module on the way turns gradients off for all that it does, or puts a function on the
    way into one that does: `evaluate = torch.no_grad()(evaluate)`."""
    for site in (found.event.site, *found.event.callers):
        if site.module.once(_turns_off_for_good, None):
            return True
        names = {f.name for f in functions_around(site.module, site.node)}
        for wrapped in site.module.once(_wrapped_off, None):
            if last_name(wrapped) in names or stands_in(site.node, wrapped):
                return True
    return False


def _turns_off_for_good(module: ModuleSyntax, _: None) -> bool:
    """Whether a module turns gradients off when it is imported, and nowhere on again."""
    calls = [n for n in module.nodes if called_name(n) == "set_grad_enabled"]
    off = [n for n in calls if ast.unparse(getattr(n, "args", [n])[0]) == "False"]
    top = {id(s.value) for s in module.tree.body if isinstance(s, ast.Expr)}
    return len(off) == len(calls) and any(id(n) in top for n in off)


def _wrapped_off(module: ModuleSyntax, _: None) -> list[ast.expr]:
    """What a module puts into a function that turns gradients off around it."""
    return [
        argument
        for node in module.nodes
        if isinstance(node, ast.Call) and called_name(node.func) in ("no_grad", "inference_mode")
        for argument in node.args
    ]


def _alternatives(site: Site, part: ast.expr) -> list[ast.expr]:
    """What a context may be: what a name is assigned to, where it is one, on each path."""
    made = [part]
    if isinstance(part, ast.Name):
        made = [
            node.value
            for node in site.module.nodes
            if isinstance(node, ast.Assign)
            and any(getattr(target, "id", "") == part.id for target in node.targets)
        ] or made
    return [
        option
        for value in made
        for option in ((value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,))
    ]


def _may_want_gradients(found: Pass) -> bool:
    """Whether something in the evaluation may need gradients, as attacks and saliency do."""
    model = found.event.subject
    for event in (e for b in found.region[-1:] for e in b.events("opaque", "forward")):
        if event.subject is not model:
            given = (event.subject, *event.operands) if event.kind == "opaque" else event.operands
            if any(covers(value, model) for value in given):
                return True
    return any(_WANTS_GRADIENTS.search(word) for node in _code(found) for word in _spoken(node))


def _code(found: Pass) -> Iterator[ast.AST]:
    """The loops of an evaluation, and the functions that hold its pass."""
    for block in found.region:
        if block.kind == "loop" and block.site:
            yield block.site.node
    site = found.event.site
    functions = [
        placed.node
        for placed in enclosing_statements(site.module, site.node)
        if isinstance(placed.node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    if functions and _is_apart(functions[-1], found.region):
        yield functions[-1]


def _is_apart(function: ast.AST, region: tuple[Block, ...]) -> bool:
    name = getattr(function, "name", "")
    return any(b.kind in ("call", "entry") and b.name == name for b in region)


def _spoken(node: ast.AST) -> Iterator[str]:
    yield from words(node)
    for inner in walk(node):
        if isinstance(inner, ast.keyword) and inner.arg:
            yield inner.arg
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inner.name
