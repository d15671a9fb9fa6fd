"""Changes that mend losses and the scores made of them; `remedies.training` has those of training.

Each returns None where it cannot.
"""

from __future__ import annotations

import ast

from nnlint.questions.loss.heads import Mismatch
from nnlint.questions.loss.losses import call_parameters
from nnlint.questions.model.layers import has_trained_weights
from nnlint.remedies.naming import call_instead
from nnlint.remedies.pipelines import swap
from nnlint.rewriting.changes import (
    PLAIN,
    Changes,
    call_method,
    replace,
    set_keyword,
    source_text,
    together,
)
from nnlint.rewriting.imports import reference
from nnlint.semantics.dataflow import keeps_examples
from nnlint.semantics.values import Built, Operation, Site, Unknown, Value
from nnlint.syntax.calls import argument_of, called_name
from nnlint.syntax.walking import walk

NOWHERE = 1_000
"""A position at which no argument stands: it is given by name alone."""


def add_last_axis(loss: Operation, to_target: bool) -> Changes:
    """Give the target or the prediction of a loss a last axis of size 1."""
    node = loss.site.node
    if isinstance(node, ast.BinOp):
        return call_method(
            Site(loss.site.module, node.right if to_target else node.left), "unsqueeze(1)"
        )
    name = call_parameters(loss)[int(to_target)]
    argument = argument_of(node, name, int(to_target))
    if argument is None:
        return None
    return call_method(Site(loss.site.module, argument), "unsqueeze(1)")


def detach_added(gather: Site, backward: Site) -> Changes:
    """Add a loss to a sum or list without its graph."""
    node = gather.node
    added: ast.expr | None = None
    if isinstance(node, ast.BinOp):
        added = node.right
    elif isinstance(node, ast.Call) and node.args and not node.keywords:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        added = node.args[0] if called == "append" or _starts_from(backward, node.args[0]) else None
    if isinstance(added, ast.List) and len(added.elts) == 1:
        added = added.elts[0]
    if added is None or isinstance(added, ast.Starred):
        return None
    return call_method(Site(gather.module, added), "detach()")


def _starts_from(backward: Site, value: ast.expr) -> bool:
    """Whether a backward pass is written as one of a value: `scaler.scale(loss).backward()`."""
    text, starts = ast.unparse(value), [backward.node]
    if not isinstance(backward.node, ast.expr):
        # a trainer goes back from what the method returns
        starts = [n for n in walk(backward.node) if isinstance(n, ast.Return)]
    inner = (n for start in starts for n in walk(start))
    return any(isinstance(n, ast.expr) and ast.unparse(n) == text for n in inner)


def divide_by_examples(division: Site, loader: Value) -> Changes:
    """Divide by the number of a loader's examples instead of its batches.

    Parameters:
        loader: what gives the batches.
    """
    length = division.node.right if isinstance(division.node, ast.BinOp) else None
    if not isinstance(length, ast.Call) or len(length.args) != 1:
        return None
    place = Site(division.module, length.args[0])
    if not isinstance(place.node, ast.Name | ast.Attribute) or not _has_dataset(loader, place):
        return None
    return replace(place, f"{source_text(place)}.dataset")


def divide_by_sampled(whole: Site) -> Changes:
    """Take the length of a loader's sampler instead of its data set's.

    Parameters:
        whole: what the length is taken of, `loader.dataset`.
    """
    match whole.node:
        case ast.Attribute(value=loader, attr="dataset"):
            return replace(whole, f"{source_text(Site(whole.module, loader))}.sampler")
        case _:
            return None


def _has_dataset(loader: Value, place: Site) -> bool:
    """Whether what gives the batches is torch's loader or, where it is not known, is called one:
    an iterator of the program's own keeps its data under another name."""
    if isinstance(loader, Built):
        return loader.entry.kind == "loader"
    return isinstance(loader, Unknown) and "load" in source_text(place).lower()


def weigh_by_batch(gather: Site, division: Site, loader: Value, loss: Operation | None) -> Changes:
    """Weigh a batch's mean loss by its number of examples, and divide by that of all."""
    call = loss.site.node if loss is not None else None
    target = argument_of(call, "target", 1)
    added = gather.node.right if isinstance(gather.node, ast.BinOp) else None
    whole = divide_by_examples(division, loader)
    if not isinstance(target, ast.Name) or added is None or whole is None:
        return None
    if loss is None or loss.site.module is not gather.module:
        return None
    if not keeps_examples(loss.arguments.get("target")):
        # what is flattened has more elements than there are examples
        return None
    place = Site(gather.module, added)
    return together(replace(place, f"{source_text(place)} * len({target.id})"), whole)


def swap_arguments(loss: Operation) -> Changes:
    """Give a loss its prediction first and its target second."""
    names = call_parameters(loss)[:2]
    given = [argument_of(loss.site.node, name, i) for i, name in enumerate(names)]
    places = [Site(loss.site.module, node) for node in given if node is not None]
    return swap(*places) if len(places) == 2 else None


def build_then_call(build: Site) -> Changes:
    """Build a loss with its defaults, and call it with what it was built with."""
    if not isinstance(build.node, ast.Call):
        return None
    name = Site(build.module, build.node.func)
    return replace(name, f"{source_text(name)}()")


def exchange_loss(loss: Operation, function: str, cls: str) -> Changes:
    """Use another loss with the same arguments: a function, or a class where it is built."""
    if loss.layer is None:
        return call_instead(loss.site, function)
    return call_instead(loss.layer.site, cls) if _is_near(loss.layer, loss) else None


def _is_near(layer: Built, loss: Operation) -> bool:
    return layer.site.module is loss.site.module


def log_softmax_first(loss: Operation, activation: str) -> Changes:
    """Give a loss log-probabilities: of the logits that it gets, or where softmax is taken."""
    argument = argument_of(loss.site.node, call_parameters(loss)[0], 0)
    if argument is None:
        return None
    place = Site(loss.site.module, argument)
    if activation == "linear":
        name, imported = reference(place, "torch.nn.functional.log_softmax")
        return together(replace(place, f"{name}({source_text(place)}, dim=-1)"), imported)
    return None


def average_over_batch(loss: Operation) -> Changes:
    """Divide a KL divergence by the number of examples only."""
    return _reduce(loss, "batchmean")


def leave_unreduced(loss: Operation) -> Changes:
    """Let a loss give one number for each element."""
    return _reduce(loss, "none")


def _reduce(loss: Operation, how: str) -> Changes:
    if loss.layer is not None and not _is_near(loss.layer, loss):
        return None
    return set_keyword(loss.written_at, "reduction", f'"{how}"')


def stable_logarithm(logarithm: Operation, name: str, inner: Operation) -> Changes:
    """Take a logarithm and what it is taken of in one step, where they are written as one."""
    outer = logarithm.site.node
    argument = _operand(outer)
    if logarithm.entry.name != "torch.log" or argument is None:
        return None
    if argument is not inner.site.node or logarithm.site.module is not inner.site.module:
        return None
    return _STABLE[name](logarithm.site, argument)


def _operand(call: ast.AST) -> ast.expr | None:
    """`x` of `torch.log(x)` and of `x.log()`."""
    if not isinstance(call, ast.Call) or call.keywords or len(call.args) > 1:
        return None
    if call.args:
        return call.args[0]
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def _log_softmax(outer: Site, inner: ast.expr) -> Changes:
    if not isinstance(inner, ast.Call) or called_name(inner) != "softmax":
        return None
    func = Site(outer.module, inner.func)
    whole = source_text(Site(outer.module, inner))
    arguments = whole[len(source_text(func)) :]
    receiver = inner.func.value if isinstance(inner.func, ast.Attribute) else None
    if receiver is not None and not _is_module(outer, receiver):
        text = f"{source_text(Site(outer.module, receiver))}.log_softmax{arguments}"
        return replace(outer, text)
    name, imported = reference(outer, "torch.nn.functional.log_softmax")
    return together(replace(outer, f"{name}{arguments}"), imported)


def _is_module(site: Site, receiver: ast.expr) -> bool:
    """Whether what a function is taken from is the library itself: `torch`, `F`, `nn.functional`."""
    known = {reference(site, name)[0] for name in ("torch", "torch.nn.functional")}
    return ast.unparse(receiver) in known


def _log_sigmoid(outer: Site, inner: ast.expr) -> Changes:
    given = _operand(inner)
    if given is None or called_name(inner) != "sigmoid":
        return None
    name, imported = reference(outer, "torch.nn.functional.logsigmoid")
    return together(replace(outer, f"{name}({source_text(Site(outer.module, given))})"), imported)


def _log_of_complement(outer: Site, inner: ast.expr) -> Changes:
    sigmoid = inner.right if isinstance(inner, ast.BinOp) else None
    given = _operand(sigmoid) if sigmoid is not None else None
    if given is None or called_name(sigmoid) != "sigmoid":
        return None
    name, imported = reference(outer, "torch.nn.functional.logsigmoid")
    text = source_text(Site(outer.module, given))
    negative = f"-{text}" if isinstance(given, PLAIN) else f"-({text})"
    return together(replace(outer, f"{name}({negative})"), imported)


def _log_sum_exp(outer: Site, inner: ast.expr) -> Changes:
    if not isinstance(inner, ast.Call) or not isinstance(inner.func, ast.Attribute):
        return None
    method = not _is_module(outer, inner.func.value)
    summed = inner.func.value if method else (inner.args[0] if inner.args else None)
    scores = _operand(summed) if summed is not None else None
    rest = inner.args if method else inner.args[1:]
    if scores is None or not (rest or any(k.arg == "dim" for k in inner.keywords)):
        return None
    parts = [scores, *rest, *(k.value for k in inner.keywords)]
    names = [""] * (1 + len(rest)) + [f"{k.arg}=" for k in inner.keywords]
    given = [n + source_text(Site(outer.module, p)) for n, p in zip(names, parts, strict=True)]
    name, imported = reference(outer, "torch.logsumexp")
    return together(replace(outer, f"{name}({', '.join(given)})"), imported)


_STABLE = {
    "softmax": _log_softmax,
    "sigmoid": _log_sigmoid,
    "1 - sigmoid": _log_of_complement,
    "sum(exp)": _log_sum_exp,
}


def fit_head(found: Mismatch, loss: Operation) -> Changes:
    """Give a head, whose size is a number of its own, one output for each class.

    None where the number stands elsewhere, too, and may mean the same there.
    """
    head, number = found.head.site, str(found.classes)
    modules = {id(site.module): site.module for site in (head, loss.site)}
    same = [n for m in modules.values() for n in m.nodes if _is_number(n, found.outputs)]
    if found.head.entry.kind == "model":
        written = argument_of(head.node, "num_classes", NOWHERE)
        if written is None and not has_trained_weights(found.head) and not same:
            return set_keyword(head, "num_classes", number)
    else:
        written = argument_of(head.node, "out_features", 1)
        written = written or argument_of(head.node, "out_channels", 1)
    return replace(Site(head.module, written), number) if written and same == [written] else None


def _is_number(node: ast.AST, number: int) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == number


def compare_with_zero(comparison: Site) -> Changes:
    """Compare logits with the logit of probability 0.5."""
    node = comparison.node
    threshold: ast.expr | None = None
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        threshold = node.comparators[0]
    elif isinstance(node, ast.Call) and node.args:
        threshold = node.args[-1]
    if not isinstance(threshold, ast.Constant):
        return None
    return replace(Site(comparison.module, threshold), "0")
