from nnlint.questions.model.squeezing import squeezed_batches
from nnlint.remedies.model import call_on_tensor
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN305",
    level=Level.WARNING,
    recipe="become one with the code: fast is slow",
    on=Programs(),
    fix=Applicability.UNSAFE,
    probe="batch-of-one",
)
def squeeze_without_dim(program: Program, context: Context) -> None:
    """A `squeeze()` without an axis drops the axis of a batch of one, too.

    ## What it does
    Reports `squeeze()` without an axis in a `forward`, where its result goes into a layer or is
    returned, and on the output of a model on its way into a loss.

    ## Why it hurts training
    The last batch of an epoch may hold one example. Its axis then goes with the others: a layer
    or loss behind it takes features for examples, compares shapes that do not fit, or raises.

    ## Example
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.drop = nn.Dropout(0.2)
            self.head = nn.Linear(8, 10)

        def forward(self, images):
            x = self.pool(self.conv(images)).squeeze()  # want: squeeze-without-dim
            return self.head(self.drop(x))
    ```

    ## Use instead
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.drop = nn.Dropout(0.2)
            self.head = nn.Linear(8, 10)

        def forward(self, images):
            x = self.pool(self.conv(images)).flatten(1)
            return self.head(self.drop(x))
    ```

    ## When not to use it
    Where no batch ever holds one example: loaders with `drop_last=True` are seen.

    ## References
    - [torch.squeeze](https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html)
    """
    for found in squeezed_batches(program):
        place = found.operation.site
        if found.use is None:
            effect = "what is returned has no batch axis then"
        elif found.use.entry.kind == "loss":
            effect = "the loss compares other shapes then"
        else:
            effect = "the layer behind it takes the features of the one for examples then"
        right = found.right or "squeeze(dim)"
        context.report(
            place,
            f"`{place.text}` drops the batch axis, too, where a batch holds one example: {effect}",
            help=f"Name the axis to drop: `{right}`.",
            related=[(found.use.site, "what takes it")] if found.use is not None else [],
            fix=("Drop the other axes only", call_on_tensor(found.operation, found.right))
            if found.right
            else None,
        )
