"""Mutation operators: what losses are given, and what they are built with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, last_name, receiver, swapped

ELEMENTWISE_LOSSES = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
CLASS_NAMES = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "KLDivLoss": "kl_div",
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
}
"""Loss classes, and the functions that compute the same."""
FLATTENING = frozenset({"squeeze", "flatten", "view", "reshape"})


def losses(program: Program, *classes: str) -> list[ast.Call]:
    """Calls of losses, as functions or through what is built from their classes, that train."""
    names = program.made_by(*classes) | {CLASS_NAMES.get(c, c) for c in classes}
    return [
        call
        for call in program.calls(*names)
        if len(call.args) >= 2
        and not any(isinstance(a, ast.Starred) for a in call.args[:2])
        and program.has_gradients(call)
    ]


def ends_in(program: Program, *activations: str) -> bool:
    """Whether some model of the file already ends in an activation."""
    ends = [n.value for n in ast.walk(program.tree) if isinstance(n, ast.Return)]
    ends += [c.args[-1] for c in program.calls("Sequential") if c.args]
    return any(isinstance(n, ast.Call) and last_name(n.func) in activations for n in ends)


def softmax_before_loss(program: Program) -> Iterator[list[Replacement]]:
    if ends_in(program, "Softmax", "softmax", "LogSoftmax", "log_softmax"):
        return
    for call in losses(program, "CrossEntropyLoss"):
        scores = program.source(call.args[0])
        yield [(call.args[0], f"({scores}).softmax(dim=1)")]


def sigmoid_before_loss(program: Program) -> Iterator[list[Replacement]]:
    for call in losses(program, "BCEWithLogitsLoss"):
        yield [(call.args[0], f"({program.source(call.args[0])}).sigmoid()")]


def drop_activation(program: Program, *activations: str) -> Iterator[list[Replacement]]:
    """Activations that a function returns, or that a `Sequential` ends in, are left out."""
    for node in ast.walk(program.tree):
        end = node.value if isinstance(node, ast.Return) else None
        if isinstance(end, ast.Call) and last_name(end.func) in activations:
            inner = end.args[0] if end.args else getattr(end.func, "value", None)
            if inner is not None and last_name(inner) not in ("torch", "F", "functional"):
                yield [(end, program.source(inner))]
        elif isinstance(node, ast.Call) and last_name(node.func) == "Sequential" and node.args:
            last = node.args[-1]
            if isinstance(last, ast.Call) and last_name(last.func) in activations:
                prefix = program.source(last.func).rpartition(".")[0]
                yield [(last, f"{prefix}.Identity()" if prefix else "Identity()")]


def drop_sigmoid(program: Program) -> Iterator[list[Replacement]]:
    """A binary cross entropy is given the raw outputs of a model of the same file."""
    if losses(program, "BCELoss") and not losses(program, "BCEWithLogitsLoss", "MSELoss"):
        yield from drop_activation(program, "Sigmoid", "sigmoid")


def exchange(program: Program, taken: str, instead: str) -> Iterator[list[Replacement]]:
    """One loss takes the place of another, as a class and as a function."""
    for call in program.calls(taken):
        if isinstance(call.func, ast.Attribute) and losses(program, taken):
            yield [(call.func, f"{program.source(call.func.value)}.{instead}")]
    function = CLASS_NAMES[taken]
    for call in losses(program, taken):
        if isinstance(call.func, ast.Attribute) and call.func.attr == function:
            prefix = program.source(call.func.value)
            yield [(call.func, f"{prefix}.{CLASS_NAMES[instead]}")]


def bce_for_logits(program: Program) -> Iterator[list[Replacement]]:
    """Not where `pos_weight` is given, which the loss of probabilities has not."""
    for plant in exchange(program, "BCEWithLogitsLoss", "BCELoss"):
        call = program.parents[plant[0][0]]
        given = call.keywords if isinstance(call, ast.Call) else []
        if not any(k.arg == "pos_weight" for k in given):
            yield plant


def nll_for_logits(program: Program) -> Iterator[list[Replacement]]:
    if not ends_in(program, "Softmax", "softmax", "LogSoftmax", "log_softmax"):
        yield from exchange(program, "CrossEntropyLoss", "NLLLoss")


def drop_log_softmax(program: Program) -> Iterator[list[Replacement]]:
    if losses(program, "NLLLoss"):
        yield from drop_activation(program, "LogSoftmax", "log_softmax")


def log_of_activation(program: Program) -> Iterator[list[Replacement]]:
    """`log_softmax(x, dim)` becomes `log(softmax(x, dim))`."""
    for call in program.calls("log_softmax", "logsigmoid"):
        if not isinstance(call.func, ast.Attribute) or not program.has_gradients(call):
            continue
        name = {"log_softmax": "softmax", "logsigmoid": "sigmoid"}[call.func.attr]
        if last_name(call.func.value) == "self":
            # what the object has need not have the other function
            continue
        owner, given = call.func.value, ", ".join(program.source(a) for a in call.args)
        options = ", ".join(f"{k.arg}={program.source(k.value)}" for k in call.keywords)
        both = ", ".join(text for text in (given, options) if text)
        yield [(call, f"{program.source(owner)}.{name}({both}).log()")]


def diverge_from_probabilities(program: Program) -> Iterator[list[Replacement]]:
    """A divergence is given probabilities, its sides swapped, or averaged over all elements."""
    for call in losses(program, "KLDivLoss"):
        first, second = call.args[:2]
        if not any(k.arg == "log_target" for k in call.keywords):
            yield swapped(program, first, second)
        if isinstance(first, ast.Call) and last_name(first.func) == "log_softmax":
            yield [(first.func, program.source(first.func).replace("log_softmax", "softmax"))]
    for call in program.calls("KLDivLoss", "kl_div"):
        for keyword in call.keywords:
            if keyword.arg == "reduction" and "batchmean" in program.source(keyword.value):
                yield [(keyword.value, '"mean"')]


def swap_loss_arguments(program: Program) -> Iterator[list[Replacement]]:
    """Only of losses whose two sides have one shape and type, so that nothing is raised, and
    that are more than printed."""
    for call in losses(program, "BCELoss", "BCEWithLogitsLoss"):
        outer = program.parents.get(call)
        if not (isinstance(outer, ast.Call) and last_name(outer.func) == "print"):
            yield swapped(program, *call.args[:2])


def build_with_data(program: Program) -> Iterator[list[Replacement]]:
    """`criterion(output, target)` becomes `nn.CrossEntropyLoss(output, target)`."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        built = node.value
        if last_name(built.func) not in CLASS_NAMES:
            continue
        name = program.source(node.targets[0])
        for call in losses(program, last_name(built.func)):
            if program.source(call.func) == name:
                yield [(call.func, program.source(built.func))]


def forget_squeeze(program: Program) -> Iterator[list[Replacement]]:
    """One side of an elementwise loss keeps its last axis, and the other has none."""
    for call in losses(program, *ELEMENTWISE_LOSSES, "smooth_l1_loss", "huber_loss"):
        first, second = (flattened_in(program, call, argument) for argument in call.args[:2])
        for side, other in ((first, second), (second, first)):
            # where both are made flat, neither is known to have been a column
            if side is not None and (other is None or last_name(side.func) == "squeeze"):
                yield [(side, program.source(receiver(side)))]


def flattened_in(program: Program, loss: ast.Call, argument: ast.expr) -> ast.Call | None:
    """The `squeeze` or `view(-1)` that an argument is, or that it is assigned from."""
    made: ast.expr | None = argument
    if isinstance(argument, ast.Name):
        made = next(
            (
                node.value
                for node in ast.walk(program.function(loss))
                if isinstance(node, ast.Assign)
                and node.lineno < loss.lineno
                and program.source(node.targets[0]) == argument.id
            ),
            None,
        )
    if isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute):
        if made.func.attr in FLATTENING and re.fullmatch(
            r"(dim=)?(-?1)?", ", ".join(program.source(a) for a in made.args)
        ):
            return made
    return None


def cross_entropy_of_one(program: Program) -> Iterator[list[Replacement]]:
    """A model with one output is trained as if it had classes, or ends in a softmax."""
    if not re.search(r"Linear\([^()]*, 1\)", program.text):
        return
    # what is flat is normalised over the examples of the batch: another mistake
    given = [program.source(c.args[0]) for c in losses(program, "BCEWithLogitsLoss")]
    if not any(re.search(r"(squeeze|flatten|view|reshape)\((-?1)?\)$", text) for text in given):
        yield from exchange(program, "BCEWithLogitsLoss", "CrossEntropyLoss")
    for call in program.calls("Sequential"):
        for layer, last in zip(call.args, call.args[1:], strict=False):
            if re.fullmatch(r".*Linear\([^()]*, 1\)", program.source(layer)):
                if isinstance(last, ast.Call) and last_name(last.func) == "Sigmoid":
                    text = program.source(last.func).replace("Sigmoid", "Softmax")
                    yield [(last, f"{text}(dim=1)")]


METRICS = ("Accuracy", "Precision", "Recall", "F1Score", "AUROC", "ConfusionMatrix", "accuracy")
"""What is told a number of classes and has no outputs."""
DATA_SETS = ("MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "SVHN")


def enlarge_head(program: Program) -> Iterator[list[Replacement]]:
    """The last layer has more outputs than the data set of the same file has classes."""
    if not program.calls(*DATA_SETS) or not losses(program, "CrossEntropyLoss", "NLLLoss"):
        return
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign | ast.keyword) and isinstance(node.value, ast.Constant):
            outer = program.parents.get(node)
            if isinstance(outer, ast.Call) and last_name(outer.func) in METRICS:
                continue
            name = node.arg if isinstance(node, ast.keyword) else last_name(node.targets[0])
            if name in ("num_classes", "n_classes") and node.value.value in (10, 100):
                yield [(node.value, str(10 * node.value.value))]
    for call in program.calls("Linear"):
        if len(call.args) == 2 and program.source(call.args[1]) in ("10", "100"):
            yield [(call.args[1], program.source(call.args[1]) + "0")]


def count_padding(program: Program) -> Iterator[list[Replacement]]:
    """`ignore_index` is left out where the file pads."""
    if not re.search(r"pad_sequence|padding|pad_to", program.text):
        return
    for call in program.calls("CrossEntropyLoss", "NLLLoss", "cross_entropy", "nll_loss"):
        kept = [program.source(a) for a in call.args]
        kept += [f"{k.arg}={program.source(k.value)}" for k in call.keywords]
        rest = [text for text in kept if not text.startswith("ignore_index")]
        if len(rest) < len(kept) and not any("weight" in text for text in rest):
            yield [(call, f"{program.source(call.func)}({', '.join(rest)})")]


def keep_targets(program: Program) -> Iterator[list[Replacement]]:
    """The targets of a language model are no longer one token ahead."""
    if not re.search("cross_entropy|CrossEntropyLoss|nll_loss|NLLLoss", program.text):
        return
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Slice) and isinstance(node.lower, ast.BinOp):
            text = program.source(node)
            if "+ 1" in text and "Embedding" in program.text:
                yield [(node, text.replace(" + 1", ""))]


def reduce_before_mask(program: Program) -> Iterator[list[Replacement]]:
    """A loss with a number for each element, in code that has a mask, becomes its mean."""
    for call in program.calls(*CLASS_NAMES, *CLASS_NAMES.values()):
        for keyword in call.keywords:
            if keyword.arg == "reduction" and program.source(keyword.value) in ('"none"', "'none'"):
                function = program.function(call)
                if "mask" in (program.source(function) if function else program.text):
                    yield [(keyword.value, '"mean"')]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "softmax-into-cross-entropy": (softmax_before_loss,),
    "sigmoid-into-bce-with-logits": (sigmoid_before_loss,),
    "logits-into-bce": (drop_sigmoid, bce_for_logits),
    "logits-into-nll": (drop_log_softmax, nll_for_logits),
    "log-of-softmax": (log_of_activation,),
    "kldiv-input": (diverge_from_probabilities,),
    "mask-after-reduction": (reduce_before_mask,),
    "loss-broadcast": (forget_squeeze,),
    "swapped-loss-arguments": (swap_loss_arguments,),
    "loss-built-with-data": (build_with_data,),
    "one-class-softmax": (cross_entropy_of_one,),
    "head-size-mismatch": (enlarge_head,),
    "padding-in-loss": (count_padding,),
    "lm-targets-not-shifted": (keep_targets,),
}
