from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.axes import display
from nnlint.semantics.axes.regroup import FAULTS, Kind
from nnlint.semantics.dataflow import made_up
from nnlint.semantics.values import Operation


@rule(
    "NN301",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Calls(family=("view", "reshape")),
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
    view = operation.view
    if view is None or view.kind not in FAULTS or made_up(operation.inputs[0]):
        return
    source = operation.inputs[0].shape
    effect = (
        "elements of different examples are interleaved"
        if view.kind is Kind.MIXES_BATCH
        else "examples stay apart, but the elements within each are scrambled"
    )
    context.report(
        operation.site,
        f"`{operation.site.text}` reads {display(source)} in an order its memory does not "
        f"have: {effect}",
        help="Bring the axes into that order with `permute` or `transpose` first, then reshape.",
    )
