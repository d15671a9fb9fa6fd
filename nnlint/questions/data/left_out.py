"""Evaluations that see a part of their data only: a last batch that is dropped, rounds that are not
gone through, one batch that stands for all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.evaluations import (
    Evaluation,
    evaluations,
    role_of_loader,
    roles_of_loader,
)
from nnlint.questions.data.loaders import (
    built_loaders,
    examples_of,
    is_method,
    loaders_in,
    training_loaders,
)
from nnlint.questions.data.looked_into import (
    end_after,
    is_never_read,
    is_only_looked_into,
)
from nnlint.questions.data.splits import EVAL, TRAIN, role_of_name, words_of
from nnlint.questions.data.trainers_data import EVALUATION_HOOKS, gives_own_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.registration import is_module
from nnlint.semantics.values import (
    MADE_OF,
    Built,
    Constant,
    Instance,
    Site,
    Unknown,
    constant,
    is_size,
    names_of,
)
from nnlint.syntax.calls import argument_of, called_name, last_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import enclosing_statements, function_around
from nnlint.syntax.walking import walk

_EVAL_STRATEGIES = frozenset({"eval_strategy", "evaluation_strategy"})
"""The argument by which a Hugging Face trainer is told when to evaluate, and its former name."""
_SCORE = re.compile(
    r"acc|loss|score|correct|right|error|metric|f1|iou|dice|auc|precision|recall|mae|mse|psnr|ssim",
    re.IGNORECASE,
)

_ENDLESS = re.compile(r"cycle|infinite|endless|forever|repeat", re.IGNORECASE)
"""How what gives the batches of a loader without an end is called."""

_BATCH_SIZES = frozenset({"batch_size", "batchsize", "bs"})

_SCORES = frozenset(
    "loss losses acc accuracy score scores error err correct right auc iou dice mse mae rmse psnr "
    "ssim metric metrics precision recall hits fid".split()
)


def dropping_loaders(program: Program) -> Iterator[Built]:
    """Loaders of evaluation data that leave out the last batch."""
    trained = {id(t.loader) for t in training_loaders(program)}
    given = {
        id(loader)
        for event in program.events("fit", "validate", "test")
        for value in event.operands[2 if event.kind == "fit" else 1 :]
        for loader, _ in loaders_in(value)
    }
    for loader, blocks in built_loaders(program):
        if constant(loader.arguments.get("drop_last"), soft=False) is not True:
            continue
        if id(loader) in trained or constant(loader.arguments.get("batch_size", Constant(1))) == 1:
            continue
        if is_only_looked_into(program, loader) or is_never_read(program, loader):
            continue
        if _leaves_none_out(loader) or _needs_full_batches(program) or _scores_nothing(program):
            continue
        if _goes_round(loader, program):
            continue
        roles = roles_of_loader(loader)
        given_to_evaluate = id(loader) in given or any(
            is_method(b, {*EVALUATION_HOOKS}) for b in blocks
        )
        called_so = roles == {EVAL} and not _is_of_any_data(loader)
        if called_so or (given_to_evaluate and TRAIN not in roles):
            yield loader


def _leaves_none_out(loader: Built) -> bool:
    """Whether the batch size divides the number of examples, which is known, or is that number."""
    if _is_one_batch(loader):
        return True
    size, number = constant(loader.arguments.get("batch_size")), examples_of(loader)
    return isinstance(size, int) and size > 0 and number is not None and number % size == 0


def _goes_round(loader: Built, program: Program) -> bool:
    """Whether a loader is gone over again and again, as by `itertools.cycle`: of what is shuffled
    anew nothing is left out for good, and who takes so many batches says how many."""
    names = set(names_of(loader))
    for module in {id(m): m for m in (loader.site.module, program.module)}.values():
        for node in module.nodes:
            if isinstance(node, ast.Call) and _ENDLESS.search(called_name(node)):
                if any(
                    part is loader.site.node or (isinstance(part, ast.Name) and part.id in names)
                    for part in node.args
                ):
                    return True
    return False


def _is_one_batch(loader: Built) -> bool:
    """Whether the batch size of a loader is the length of its data set: `batch_size=len(data)`."""
    size, data = loader.arguments.get("batch_size"), loader.arguments.get("dataset")
    counted = size.state.get(MADE_OF) if isinstance(size, Unknown) and is_size(size) else None
    return counted is not None and counted is data


def _needs_full_batches(program: Program) -> bool:
    """Whether a model or loss of the project is built for batches of one size."""
    return any(
        isinstance(event.subject, Instance)
        and is_module(event.subject)
        and any(name.lower() in _BATCH_SIZES for name in event.subject.named)
        for using in (program, *program.users())
        for event in using.events("build")
    )


def _scores_nothing(program: Program) -> bool:
    """Whether a script that trains nothing runs a model for something else than a score, as for a
    picture of what it makes of the data."""
    if program.trains or not program.events("forward"):
        return False
    measured = any(operation.entry.kind in ("loss", "metric") for operation in program.operations)
    return not measured and not any(
        not _SCORES.isdisjoint(words_of(last_name(node)))
        for node in program.module.nodes
        if isinstance(node, ast.Name | ast.Attribute) and not last_name(node).endswith("Error")
    )


def dropping_arguments(program: Program) -> Iterator[tuple[Site, Built]]:
    """Where the arguments of a Hugging Face trainer that evaluates let its loaders leave out the
    last batch, with the trainer.

    Source: transformers 5.24, `Trainer._get_dataloader`, which hands `dataloader_drop_last` to the
    loaders of training and of evaluation alike.
    """
    for event in program.events("build"):
        trainer = event.subject
        if not isinstance(trainer, Built) or trainer.entry.family != "transformers":
            continue
        given = trainer.arguments.get("args")
        if (
            gives_own_data(event.site)
            or not isinstance(given, Built)
            or given.entry.family != "arguments"
        ):
            continue
        dropped = given.arguments.get("dataloader_drop_last")
        if constant(dropped, soft=False) is not True or not _evaluates(program, trainer, given):
            continue
        if constant(given.arguments.get("per_device_eval_batch_size")) != 1:
            yield _keyword_of(given.site, "dataloader_drop_last") or given.site, trainer


def _keyword_of(call: Site, name: str) -> Site | None:
    keywords = call.node.keywords if isinstance(call.node, ast.Call) else []
    return next((Site(call.module, k) for k in keywords if k.arg == name), None)


def _evaluates(program: Program, trainer: Built, given: Built) -> bool:
    """Whether a trainer is known to evaluate on data that it is given: while it trains, or when it
    is asked to."""
    if "eval_dataset" in trainer.explicit and _EVAL_STRATEGIES & given.explicit:
        strategies = (given.arguments.get(name) for name in _EVAL_STRATEGIES & given.explicit)
        if any(constant(value, soft=False) in ("epoch", "steps") for value in strategies):
            return True
    asked = (e for e in program.events("validate") if e.subject is trainer)
    return any(e.operands or "eval_dataset" in trainer.explicit for e in asked)


def _is_of_any_data(loader: Built) -> bool:
    """Whether a function makes a loader of whatever data it is given, and returns it: what it is
    called in there tells nothing of what its callers do with it."""
    module, call = loader.site.module, loader.site.node
    function = function_around(module, call)
    if function is None or not isinstance(call, ast.Call):
        return False
    given = argument_of(call, "dataset", 0)
    parameters = {p.arg for p in (*function.args.posonlyargs, *function.args.args)}
    if not isinstance(given, ast.Name) or given.id not in parameters or role_of_name(given.id):
        return False
    own = {
        target.id
        for node in walk(function)
        if isinstance(node, ast.Assign) and node.value is call
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    returned = [node.value for node in walk(function) if isinstance(node, ast.Return)]
    if not any(isinstance(value, ast.Name) and value.id in own for value in returned):
        return False
    called = {
        target.id
        for node in module.nodes
        if isinstance(node, ast.Assign) and called_name(node.value) == function.name
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return all(role_of_name(n) != EVAL for n in {*names_of(loader)} - own | called)


@dataclass(frozen=True, slots=True, eq=False)
class PartialPass:
    """An evaluation that ends before all data is seen."""

    site: Site
    """The `break`, or the call that takes one batch."""
    loader: Built


def broken_off(program: Program) -> Iterator[PartialPass]:
    """Loops that add up a score over evaluation data and end after so many batches."""
    told: set[object] = set()
    for evaluation in evaluations(program):
        site = evaluation.loop.site
        if site is None or site.key in told or not isinstance(site.node, ast.For):
            continue
        if role_of_loader(evaluation.loader) != EVAL or not _adds_up_score(site.node):
            continue
        end = end_after(site.node)
        if end is not None and _is_whole_score(evaluation):
            told.add(site.key)
            yield PartialPass(Site(site.module, end), evaluation.loader)


def _is_whole_score(evaluation: Evaluation) -> bool:
    """Whether nothing says that the loop is a check that can be switched off."""
    around = [c for event, _ in evaluation.loop.walk() for c in event.conditions]
    return not any(
        c.soft and c.taken and c.site.module is evaluation.loader.site.module for c in around
    )


def _adds_up_score(loop: ast.For) -> bool:
    """Whether the rounds of a loop add to a number that is called a score, or count examples."""
    for node in walk(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            if _SCORE.search(last_name(node.target)):
                return True
    return False


def one_batch_scores(program: Program) -> Iterator[PartialPass]:
    """Scores of the first batch of evaluation data, where nothing goes over all of it."""
    module = program.module
    loaders = {
        name: b
        for b in program.builds
        if b.entry.kind == "loader" and role_of_loader(b) == EVAL
        for name in names_of(b)
        if role_of_name(name) == EVAL
    }
    if not loaders or not program.trains:
        return
    whole = {id(e.loader) for e in evaluations(program)}
    for statement in module.nodes:
        if not isinstance(statement, ast.Assign):
            continue
        taken = _first_batch_of(statement.value)
        loader = loaders.get(last_name(taken))
        if taken is None or loader is None or id(loader) in whole:
            continue
        size = constant(loader.arguments.get("batch_size", Constant(1)), soft=True)
        if isinstance(size, int) and _is_scored(module, statement):
            yield PartialPass(Site(module, statement.value), loader)


def _first_batch_of(value: ast.expr) -> ast.expr | None:
    """The loader in `next(iter(loader))`."""
    match value:
        case ast.Call(
            func=ast.Name(id="next"), args=[ast.Call(func=ast.Name(id="iter"), args=[inner])]
        ):
            return inner
        case _:
            return None


def _is_scored(module: ModuleSyntax, statement: ast.Assign) -> bool:
    """Whether the targets of a batch are compared with predictions, and the score is told."""
    names = {n.id for target in statement.targets for n in walk(target) if isinstance(n, ast.Name)}
    own: ast.AST = function_around(module, statement) or module.tree
    # a loop over other data may have the same names
    rebound = {
        id(inner)
        for part in walk(own)
        if part is not own and not stands_in(statement, part) and _binds(part, names)
        for inner in walk(part)
    }
    end = _end_of(names, statement, own)
    scores: set[str] = set()
    for node in walk(own):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = last_name(node.targets[0])
            read = {n.id for n in walk(node.value) if isinstance(n, ast.Name)}
            later = statement.lineno < node.lineno < end and id(node) not in rebound
            if later and _SCORE.search(target) and read & (names | scores):
                scores.add(target)
    return any(
        isinstance(node, ast.Call)
        and called_name(node) in ("print", "log", "info", "append", "add_scalar", "write")
        and any(isinstance(n, ast.Name) and n.id in scores for n in walk(node))
        for node in walk(own)
    ) and not _is_checked(module, statement)


def _binds(part: ast.AST, names: set[str]) -> bool:
    """Whether a loop or a function has variables of its own of some names."""
    match part:
        case ast.For(target=target):
            return any(isinstance(n, ast.Name) and n.id in names for n in walk(target))
        case ast.FunctionDef(args=taken):
            return any(isinstance(n, ast.arg) and n.arg in names for n in walk(taken))
        case _:
            return False


def _end_of(names: set[str], statement: ast.Assign, own: ast.AST) -> float:
    """The row from which on variables of some names hold other data than a statement gave them."""
    others = [
        node.lineno
        for node in walk(own)
        if isinstance(node, ast.Assign) and node.lineno > statement.lineno
        if _first_batch_of(node.value) is not None
        if any(isinstance(n, ast.Name) and n.id in names for t in node.targets for n in walk(t))
    ]
    return min(others, default=float("inf"))


def _is_checked(module: ModuleSyntax, statement: ast.Assign) -> bool:
    """Whether a statement stands in a branch: what is done now and then is no score of the run."""
    chain = enclosing_statements(module, statement)
    return any(isinstance(placed.node, ast.If) for placed in chain[:-1])
