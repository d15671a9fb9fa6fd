from nnlint.rule import Applicability, Calls, Context, Level, edits, rule
from nnlint.semantics.axes import Axis, display
from nnlint.semantics.axes.regroup import Kind, ViewResult
from nnlint.semantics.values import Operation
from nnlint.semantics.views import wrong_view

NOUNS = {
    "batch": "examples",
    "time": "time steps",
    "channel": "channels",
    "height": "rows",
    "width": "pixels",
    "heads": "heads",
    "layer": "hidden states",
}
"""What people call the elements along an axis."""


@rule(
    "NN301",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=(
        Calls(family=("view", "reshape", "unflatten", "permute", "repeat", "reduce")),
        Calls(kind="loss"),
    ),
    fix=Applicability.UNSAFE,
    probe="batch-dependency",
)
def view_mixes_batch(operation: Operation, context: Context) -> None:
    """A view or reshape that interleaves the elements of different axes.

    ## What it does
    Follows the axes of a tensor through unpacked sizes, layers and permutations to
    `view` and `reshape`, and reports a target that is no regrouping of the axes in their
    order.

    ## Why it hurts training
    `view` never moves data. A target with the axes in another order reads elements of
    different examples, time steps or channels as one: shapes fit, nothing raises, and the
    model learns from scrambled inputs.

    ## Example
    ```python
    from torch import nn


    class Encoder(nn.Module):
        def forward(self, x):
            B, T, C = x.shape
            return x.view(T, B, C)  # want: view-mixes-batch
    ```

    ## Use instead
    ```python
    from torch import nn


    class Encoder(nn.Module):
        def forward(self, x):
            B, T, C = x.shape
            return x.transpose(0, 1)
    ```

    ## When not to use it
    It reports only what row-major order proves.

    ## References
    - [torch.Tensor.view](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html)
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    wrong = wrong_view(operation)
    if wrong is None or wrong.view is None:
        return
    view, site = wrong.view, wrong.site
    source = wrong.inputs[0].shape
    if view.meant and (source is None or len(view.meant.source) == len(source)):
        source = view.meant.source
    change = edits.replace(site, view.remedy) if view.remedy else None
    context.report(
        site,
        f"`{site.text}` reads {display(source)} as {display(view.shape)}: {effect(view)}",
        help=f"Use `{view.remedy}`."
        if view.remedy
        else "Bring the axes into that order with `permute` or `transpose` first, then reshape.",
        fix=("Move the axes, then reshape", change),
    )


def effect(view: ViewResult) -> str:
    """What a wrong view does to the elements."""
    meant = view.meant
    if view.kind is Kind.MISNAMES:
        return "each axis is taken for another"
    if view.kind is Kind.MIXES_BATCH:
        other = meant.exchanged_with("batch") if meant else None
        what = noun(other) if other else ""
        return f"examples exchange {what}" if what else "elements of different examples mix"
    pair = meant.inversion if meant else None
    names = [noun(axis) or axis.label for axis in pair or ()]
    if not names or "_" in names or names[0] == names[1]:
        return "examples stay apart, but the elements within each are scrambled"
    return f"examples stay apart, but within each, {names[0]} and {names[1]} are scrambled"


def noun(axis: Axis) -> str:
    """What people call the elements along an axis, if its role is known."""
    return NOUNS.get(axis.meaning, "")
