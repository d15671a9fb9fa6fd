from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nnlint.rule import Applicability, Context, Level, Matches, changes, rule

if TYPE_CHECKING:
    import libcst as cst


def conditions(m: Any) -> Any:
    """Tests that hold where one of several does."""
    either = m.BooleanOperation(operator=m.Or())
    holders = (m.If, m.IfExp, m.While, m.CompIf)
    return m.OneOf(*(holder(test=either) for holder in holders))


def holds_text(node: ast.AST) -> bool:
    """Whether a node decides by texts that `or` joins to comparisons."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            return is_text_or(test)
        case ast.comprehension(ifs=tests):
            return any(map(is_text_or, tests))
    return False


def is_text_or(test: ast.expr) -> bool:
    operands, kinds = [test], set()
    while operands:
        match operands.pop():
            case ast.BoolOp(op=ast.Or(), values=values):
                operands += values
            case ast.Constant(value=str() | bytes()):
                kinds.add("text")
            case ast.Compare():
                kinds.add("comparison")
            case _:
                return False
    return len(kinds) == 2


@rule(
    "NN338",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Matches(conditions, words=('" or', "' or", ' or "', " or '"), holds=holds_text),
    fix=Applicability.UNSAFE,
)
def constant_condition(holder: cst.If, context: Context) -> None:
    """A condition that is always true, since a text in it is compared with nothing.

    ## What it does
    Reports a test such as `"head" or "neck" in name` or `kind == "adam" or "sgd"`: `or` joins
    a text to a comparison, and a text that is not empty is true by itself.

    ## Why it hurts training
    What the test was to tell apart is treated alike: every layer is initialised, frozen or
    given the learning rate that was meant for a few. Nothing fails; the model only starts, or
    trains, otherwise than its author believes.

    ## Example
    ```python
    from torch import nn


    def initialise(model):
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear):
                if "head" or "neck" in name:  # want: constant-condition
                    nn.init.zeros_(module.weight)
                else:
                    nn.init.kaiming_uniform_(module.weight)
    ```

    ## Use instead
    ```python
    from torch import nn


    def initialise(model):
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear):
                if "head" in name or "neck" in name:
                    nn.init.zeros_(module.weight)
                else:
                    nn.init.kaiming_uniform_(module.weight)
    ```

    ## When not to use it
    Nothing that it reports is meant.

    ## References
    - [Boolean operations](https://docs.python.org/3/reference/expressions.html#boolean-operations)
    """
    import libcst as cst

    operands = list(alternatives(holder.test))
    texts = [o for o in operands if isinstance(o, cst.SimpleString) and o.evaluated_value]
    compared = [o for o in operands if isinstance(o, cst.Comparison) and len(o.comparisons) == 1]
    if not texts or len(texts) + len(compared) < len(operands) or not compared:
        return
    test, spelled = context.site(holder.test), context.site(texts[0]).text
    # a text in front of the comparison is its left side, one behind it the right side
    meant = complete(operands, lambda node: context.site(node).text)
    code = complete(operands, lambda node: changes.source_text(context.site(node)))
    context.report(
        test,
        f"`{test.text}` is always true: `{spelled}` is a text of its own there, compared with "
        "nothing",
        help=f"Write `{meant}`.",
        fix=("Compare each text", changes.replace(test, code)),
    )


def alternatives(test: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """What `or` joins, in order."""
    import libcst as cst

    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.Or):
        yield from alternatives(test.left)
        yield from alternatives(test.right)
    else:
        yield test


def complete(operands: list[cst.BaseExpression], text: Callable[[cst.BaseExpression], str]) -> str:
    """What `or` joins, each as a comparison."""
    import libcst as cst

    comparison = next(o for o in operands if isinstance(o, cst.Comparison))
    left, operator, right = sides(comparison, text)
    contains = isinstance(comparison.comparisons[0].operator, cst.In | cst.NotIn)
    meant = []
    for operand in operands:
        if isinstance(operand, cst.Comparison):
            meant.append(" ".join(sides(operand, text)))
        elif contains:
            meant.append(f"{text(operand)} {operator} {right}")
        else:
            meant.append(f"{left} {operator} {text(operand)}")
    return " or ".join(meant)


def sides(
    comparison: cst.Comparison, text: Callable[[cst.BaseExpression], str]
) -> tuple[str, str, str]:
    """The left side, the operator and the right side of a comparison."""
    import libcst as cst

    target = comparison.comparisons[0]
    operator = cst.Module([]).code_for_node(target.operator).strip()
    return text(comparison.left), operator, text(target.comparator)
