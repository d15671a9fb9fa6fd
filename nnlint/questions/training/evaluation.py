"""Questions about evaluation: is what a program trains ever measured, and by what?"""

from __future__ import annotations

import ast
import re
from collections.abc import Set

from nnlint.questions.participants import held_models, steps_optimizer, updates_no_model
from nnlint.questions.training.passes import passes
from nnlint.questions.training.trainer_calls import fit_without_validation, unmeasured_classifier
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.holding import distinct
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    RECEIVER,
    Built,
    Class,
    Instance,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.calls import called_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.walking import walk

_EVALUATES = re.compile(r"eval|valid|test|score|metric|infer|predict|sampl|generat|play", re.I)
_MEASURES = re.compile(
    r"acc(?:uracy)?s?(?:_|\d|$)|correct|metric|score|precision|recall|auc|iou|(?<!in)dice|bleu|rouge|"
    r"(?:^|_)(?:f1|wer|cer|map|fid|mae|rmse|ppl|hits?|top_?\d|reward|return|error)s?(?:_|\d|$)|psnr|ssim|"
    r"perplex|argmax|confusion|ndcg",
    re.I,
)
_MAY_MEASURE = re.compile(r"evaluat|generat|(?<!down)(?<!up)sample(?!r)", re.I)
"""Words of what may measure, unless it is written out in the file."""
_PLAYS = re.compile(r"^(?:gym|gymnasium|envs?|environments?|episodes?)$", re.I)
"""Words of programs that learn from what an environment gives: its reward is the score."""
_ATTACKS = re.compile(r"attack|adversar|fgsm|(?:^|_)pgd(?:_|$)|perturb", re.I)
"""Words of programs that look for inputs: whether a model is fooled is their score."""
_ENTROPY = re.compile(r"^(?:cross_entropy|CrossEntropyLoss|nll_loss|NLLLoss)$")
_CLASSIFIES = re.compile(r"cross_?entropy|nll_?loss|bce", re.I)


def unevaluated_training(program: Program) -> Event | None:
    """The step of a training program that never evaluates, or the call of a trainer, if it is
    one."""
    step = _training_step(program) or fit_without_validation(program)
    if step is None or any(
        (p.role in ("eval", "other") or not p.event.grad)
        # in the midst of training, another model teaches
        and (p.region or not _is_of_another(program, p.event))
        for p in passes(program)
    ):
        return None
    if _says(program, _PLAYS) or _seeks_inputs(program):
        return None
    for event, _ in program.walk():
        if event.kind in ("eval", "mode", "validate", "test", "predict"):
            if event.kind == "eval" and _is_of_another(program, event):
                # a teacher, or a network that only extracts features
                continue
            return None
        if event.kind == "step" and not steps_optimizer(event):
            # an environment that is stepped tells how well it goes
            return None
        if event.kind in ("opaque", "forward") and _EVALUATES.search(event.name):
            return None
        if any(
            _EVALUATES.search(word)
            for word in (event.site.module.text(c.node) for c in event.callers)
        ):
            return None
    return step


def _is_of_another(program: Program, event: Event) -> bool:
    """Whether an event is of a model that is certainly none of those that are trained."""
    steps = [e for e in program.events("step") if steps_optimizer(e)]
    held = [held_models(step.subject) for step in steps]
    return all(held) and all(distinct(event.subject, m) for models in held for m in models or ())


def loss_only_training(program: Program) -> Event | None:
    """The loss of a classifier of which nothing else is ever measured, or the call of a trainer
    that measures nothing else."""
    trained = unmeasured_classifier(program)
    if trained is not None:
        return None if _measures_for_trainer(program) else trained
    fitted = _unmeasured_module(program)
    if fitted is not None:
        return fitted
    if _training_step(program) is None:
        return None
    if _says(program, _ATTACKS) or _seeks_inputs(program):
        return None
    if any(map(_scores, _evaluating(program))) or _gives_perplexity(program):
        return None
    if _says(program, _MAY_MEASURE, _defined(program)):
        return None
    told = ("argmax", "compare", "metric")
    if any(o.entry.family in told or o.entry.kind == "metric" for o in program.operations):
        return None
    given = {id(v) for e in program.events("forward") for v in e.operands}
    losses = [e for e in program.events("loss") if _CLASSIFIES.search(e.name)]
    rebuilt = {e.site.key for e in losses if any(_comes_from(v, given) for v in e.operands[1:2])}
    return next((e for e in losses if e.site.key not in rebuilt), None)


def _unmeasured_module(program: Program) -> Event | None:
    """The call that has a Lightning trainer train a classifier, of which no file that takes part
    names a score."""
    if not (program.is_entry and program.complete) or program.events("backward"):
        return None
    for call in program.events("fit"):
        trainer, model = call.subject, call.operands[0] if call.operands else None
        if not isinstance(trainer, Built) or trainer.entry.family != "lightning":
            continue
        if (
            not isinstance(model, Instance)
            or not model.cls.known
            or "callbacks" in trainer.explicit
        ):
            continue
        classes = [base for base in model.cls.ancestry() if isinstance(base, Class)]
        steps = [c.names.get("training_step") for c in classes]
        modules = {program.module, *(c.scope.module for c in classes)}
        if not any(steps) or any(_measures(module) for module in modules):
            continue
        if any(_classifies(c.node) for c in classes):
            return call
    return None


def _evaluating(program: Program) -> set[ModuleSyntax]:
    """The file of a program, and those with the functions in which it evaluates."""
    measured = {e.site.module for e in program.events("forward") if not e.grad}
    return {program.module, *measured}


def _scores(module: ModuleSyntax) -> bool:
    """Whether a file names a score."""
    return any(_MEASURES.search(word) for group in module.words(module.tree) for word in group)


def _measures(module: ModuleSyntax) -> bool:
    """Whether a file names a score, or what may give one."""
    words = [word for group in module.words(module.tree) for word in group]
    return any(p.search(word) for p in (_MEASURES, _MAY_MEASURE) for word in words)


def _classifies(cls: ast.ClassDef) -> bool:
    """Whether a class takes the cross entropy of what it computes."""
    return any(
        isinstance(node, ast.Call) and _ENTROPY.search(called_name(node)) for node in walk(cls)
    )


def _measures_for_trainer(program: Program) -> bool:
    """Whether the file names a metric, or the library of that name; its trainer's own `evaluate`
    gives the loss."""
    words = program.module.words(program.module.tree)
    named = any(_MEASURES.search(word) for group in words for word in group - {"map"})
    return named or "evaluate" in words.names


def _seeks_inputs(program: Program) -> bool:
    """Whether a program goes by the gradient of what it gives a model."""
    given = {id(tensor_of(v) or v) for e in program.events("forward") for v in e.operands}
    return any(id(tensor_of(e.subject) or e.subject) in given for e in program.events("read_grad"))


def _comes_from(target: Value | None, given: set[int]) -> bool:
    """Whether a target is what models are given, as in an autoencoder, or a view of it."""
    for _ in range(10):
        if target is None:
            return False
        if id(target) in given:
            return True
        producer = target.producer if isinstance(target, Tensor) else None
        if isinstance(producer, Operation):
            target = producer.inputs[0] if producer.entry.transparent and producer.inputs else None
        elif isinstance(producer, Source):
            target = producer.of
        else:
            receiver = target.state.get(RECEIVER) if isinstance(target, Unknown) else None
            target = receiver if isinstance(receiver, Value) else None
    return False


def _training_step(program: Program) -> Event | None:
    """The first step of an entered program that trains with a loop of its own."""
    if not (program.is_entry and program.complete and program.events("backward")):
        return None
    if program.events("fit"):
        return None
    for event, blocks in program.walk():
        if (
            event.kind == "step"
            and steps_optimizer(event)
            and any(b.kind == "loop" for b in blocks)
            and not updates_no_model(program.events(), event.subject)
        ):
            return event
    return None


def _says(program: Program, wanted: re.Pattern[str], but: Set[str] = frozenset()) -> bool:
    """Whether the file uses a name of some kind, but for some names."""
    words = program.module.words(program.module.tree)
    return any(wanted.search(word) for group in words for word in group - but)


def _defined(program: Program) -> frozenset[str]:
    """The functions that the file defines: what they measure is seen in them."""
    tree = program.module.tree
    return frozenset(n.name for n in walk(tree) if isinstance(n, ast.FunctionDef))


def _gives_perplexity(program: Program) -> bool:
    """Whether the file computes the exponential of a loss, as language models report it."""
    text = program.module.text
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "exp"
        and any("loss" in text(argument).lower() for argument in node.args)
        for node in program.module.nodes
    )
