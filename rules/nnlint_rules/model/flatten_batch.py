from nnlint.questions.model.flattening import flattened_batch
from nnlint.questions.model.layers import place_of
from nnlint.remedies.model import keep_batch_axis
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN302",
    level=Level.WARNING,
    recipe="use backprop to chart dependencies",
    on=Calls(family=("linear", "cross_entropy", "nll")),
    fix=Applicability.UNSAFE,
    probe="batch-dependency",
)
def flatten_batch(operation: Operation, context: Context) -> None:
    """The batch axis is flattened into the features.

    ## What it does
    Reports `torch.flatten(x)`, `nn.Flatten(0)`, `view(-1)` and the like on their way into
    a linear layer or a loss over classes, where the batch axis is known to be there.

    ## Why it hurts training
    The layer sees the whole batch as one example: it fits one batch size only, or mixes
    the examples.

    ## Example
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.head = nn.Linear(8 * 30 * 30, 10)

        def forward(self, x):
            x = self.conv(x)
            x = torch.flatten(x)  # want: flatten-batch
            return self.head(x)
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.head = nn.Linear(8 * 30 * 30, 10)

        def forward(self, x):
            x = self.conv(x)
            x = torch.flatten(x, start_dim=1)
            return self.head(x)
    ```

    ## When not to use it
    For models that take one example without a batch axis.

    ## References
    - [torch.flatten](https://docs.pytorch.org/docs/stable/generated/torch.flatten.html)
    """
    flatten = flattened_batch(operation)
    if flatten is None:
        return
    taker = "loss" if operation.entry.kind == "loss" else "layer"
    place = place_of(flatten)
    context.report(
        place,
        f"`{place.text}` folds the batch axis into the features: the {taker} behind it "
        "sees the whole batch as one example",
        help="Keep the batch axis: `flatten(1)`.",
        related=[(place_of(operation), f"the {taker} that takes the flattened batch")],
        fix=("Keep the batch axis", keep_batch_axis(flatten)),
    )
