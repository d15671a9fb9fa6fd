from __future__ import annotations

import ast
from itertools import combinations
from typing import TYPE_CHECKING, Any

from nnlint.rule import Context, Level, Matches, rule
from nnlint.semantics.values import Built, Constant, Items, Value

if TYPE_CHECKING:
    import libcst as cst

TO_UNIT_RANGE = 0.5
"""As mean and as deviation it takes [0, 1] to [-1, 1], which is often meant."""


def may_get_equal_numbers(node: ast.AST) -> bool:
    """Whether a node calls a `Normalize` of which two arguments may be the same numbers."""
    match node:
        case ast.Call(func=ast.Name(id="Normalize") | ast.Attribute(attr="Normalize")):
            given = [literal(a) for a in (*node.args, *(k.value for k in node.keywords))]
            return any(
                one == other and any(number != TO_UNIT_RANGE for number in one)
                for one, other in combinations(given, 2)
                if one and other
            ) or (len(given) > 1 and not all(given))
    return False


def literal(node: ast.expr) -> tuple[Any, ...]:
    """The numbers that are written out in an argument; none where it is no literal."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


@rule(
    "NN218",
    level=Level.WARNING,
    recipe="become one with the data",
    on=Matches(
        lambda m: m.Call(
            func=m.Name("Normalize") | m.Attribute(attr=m.Name("Normalize")),
            args=[m.AtLeastN(n=2)],
        ),
        words="Normalize(",
        holds=may_get_equal_numbers,
    ),
)
def std_equals_mean(call: cst.Call, context: Context) -> None:
    """One and the same numbers are subtracted as the mean and divided by as the deviation.

    ## What it does
    Reports a `Normalize` that gets equal numbers as mean and as standard deviation, written
    twice or passed by one name. 0.5 for both is the usual way to [-1, 1], and stays silent.

    ## Why it hurts training
    The inputs are scaled by a number that says nothing about their spread. They come out
    shifted and too large or too small, and weights that were trained on properly normalised
    inputs, as most pretrained ones were, get others than they know.

    ## Example
    ```python
    from torchvision import transforms

    MEAN = (0.4914, 0.4822, 0.4465)
    pipeline = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize(MEAN, MEAN),  # want: std-equals-mean
    ])
    ```

    ## Use instead
    ```python
    from torchvision import transforms

    MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    pipeline = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ])
    ```

    ## When not to use it
    Where mean and deviation of the data are the same by chance.

    ## References
    - [Normalize](https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html)
    """
    built = context.value_of(call)
    if not isinstance(built, Built) or built.entry.family != "normalize":
        return
    mean, std = (numbers(built.arguments.get(name)) for name in ("mean", "std"))
    if not mean or mean != std or not {"mean", "std"} <= built.explicit:
        return
    if set(mean) in ({TO_UNIT_RANGE}, {1}) or 0 in mean:
        # divided by 1, nothing is scaled
        return
    context.report(
        context.site(call),
        f"`{built.site.text}` divides by the mean instead of the standard deviation: the inputs "
        "are scaled by numbers that say nothing about their spread",
        help="Pass the standard deviation of the training data, one number a channel.",
    )


def numbers(value: Value | None) -> tuple[Any, ...]:
    """The numbers that a value is known to hold; none where it is not known."""
    if isinstance(value, Constant):
        return (value.value,) if isinstance(value.value, int | float) else ()
    if not isinstance(value, Items) or value.open:
        return ()
    return tuple(v.value for v in value.items if isinstance(v, Constant))
