"""Questions about exponents: what can go wrong in the sum of exponentials?"""

from __future__ import annotations

import ast

from nnlint.semantics.dataflow import makers
from nnlint.semantics.values import Operation, Tensor
from nnlint.syntax.calls import called_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk


def rounds_to_zero(total: Operation) -> bool:
    """Whether what is summed are exponentials of minus a square or the like, as their call says:
    they cannot overflow, but all round to 0."""
    made = makers(total.inputs[0]) if total.inputs else None
    exponent = _operand(made[0].site.node) if made else None
    return exponent is not None and _sign(exponent) == -1


def _operand(call: ast.AST) -> ast.expr | None:
    """`x` of `torch.exp(x)` and of `x.exp()`."""
    if not isinstance(call, ast.Call):
        return None
    if call.args:
        return call.args[0]
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def is_among_itself(exponential: Operation, depth: int = 8) -> bool:
    """Whether the exponent is a distance of each element of a set to every one: it is 0 to
    itself, and the sum at least 1."""
    tensor: Tensor | None = exponential.inputs[0] if exponential.inputs else None
    while depth and tensor is not None and isinstance(tensor.producer, Operation):
        producer, depth = tensor.producer, depth - 1
        if producer.entry.name == "torch.cdist":
            return producer.arguments.get("x1") is producer.arguments.get("x2")
        tensor = producer.inputs[0] if len(producer.inputs) == 1 else None
    return False


_PICKS = frozenset({"max", "argmax", "topk"})


def is_most_likely(logarithm: Operation, softmax: Operation) -> bool:
    """Whether a logarithm is taken of the probability that a maximum of the same scores picks,
    as greedy decoding does: among `n` it is at least `1 / n`."""
    node = logarithm.site.node
    given = _operand(node)
    if not isinstance(given, ast.Subscript):
        return False
    index = given.slice.elts[-1] if isinstance(given.slice, ast.Tuple) else given.slice
    if not isinstance(index, ast.Name):
        return False
    same = _names(given.value) | _names(softmax.site.node)
    whole = logarithm.function.node if logarithm.function else logarithm.site.module.tree
    loops = (n for n in walk(whole) if isinstance(n, ast.For | ast.While))
    around = [whole, *(loop for loop in loops if stands_in(node, loop))][-1]
    values = [
        n.value
        for n in walk(around)
        if isinstance(n, ast.Assign | ast.AugAssign | ast.AnnAssign)
        and any(
            isinstance(t, ast.Name) and t.id == index.id and isinstance(t.ctx, ast.Store)
            for t in walk(n)
        )
    ]
    told = [value for value in values if value is not None and not _goes_on(value, index.id)]
    return bool(told) and all(
        value.lineno <= given.lineno and _picks(value, same) for value in told
    )


def _picks(value: ast.expr, scores: set[str]) -> bool:
    calls = (n for n in walk(value) if isinstance(n, ast.Call))
    return any(called_name(n) in _PICKS and not scores.isdisjoint(_names(n)) for n in calls)


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in walk(node) if isinstance(n, ast.Name)} - {"torch", "F", "self"}


def _goes_on(value: ast.expr, name: str) -> bool:
    """Whether a value is the name's own in another form, `index.item()`, or nothing yet."""
    if isinstance(value, ast.Constant):
        return value.value is None
    while isinstance(value, ast.Call | ast.Attribute | ast.Subscript):
        value = value.func if isinstance(value, ast.Call) else value.value
    return isinstance(value, ast.Name) and value.id == name


def _sign(node: ast.expr) -> int:
    """1 for what is never below zero, -1 for what is never above; 0 where neither is sure."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_sign(operand)
        case ast.Constant(value=int() | float() as number):
            return 1 if number >= 0 else -1
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int() as power)):
            return 1 if power % 2 == 0 else 0
        case ast.BinOp(op=ast.Mult(), left=left, right=right) if ast.dump(left) == ast.dump(right):
            return 1
        case ast.BinOp(op=ast.Mult() | ast.Div(), left=left, right=right):
            return _sign(left) * _sign(right)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _sign(left) if _sign(left) == _sign(right) else 0
        case ast.Call(
            func=ast.Attribute(attr="pow"), args=[*_, ast.Constant(value=int() as power)]
        ):
            return 1 if power % 2 == 0 else 0
        case ast.Call(
            func=ast.Attribute(attr="square" | "abs" | "norm" | "cdist" | "pdist" | "exp")
        ):
            return 1
        case ast.Call(func=ast.Attribute(attr="sum" | "mean" | "sqrt", value=inner)):
            return _sign(inner)
        case _:
            return 0


def is_at_least_half(sigmoid: Operation) -> bool:
    """Whether a sigmoid is taken of what is never below zero, as its call says: it cannot round to 0."""
    given = _operand(sigmoid.site.node)
    return given is not None and _sign(given) == 1


def is_replaced_where_infinite(logarithm: Operation) -> bool:
    """Whether `torch.where` chooses, by a comparison of the same probabilities, what stands in for
    the logarithm where it is infinite."""
    node, module = logarithm.site.node, logarithm.site.module
    given = _operand(node)
    placed = enclosing_statement(module, node)
    if given is None or placed is None or not isinstance(given, ast.Name):
        return False
    return any(
        isinstance(call, ast.Call)
        and called_name(call) == "where"
        and call.args
        and isinstance(call.args[0], ast.Compare)
        and given.id in _names(call.args[0])
        and stands_in(node, call)
        for call in walk(placed.node)
    )
