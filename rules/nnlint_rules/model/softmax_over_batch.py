from nnlint.questions.model.batch_scores import over_batch
from nnlint.questions.model.layers import place_of
from nnlint.remedies.model import set_axis
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN303",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    fix=Applicability.UNSAFE,
    probe="batch-dependency",
)
def softmax_over_batch(program: Program, context: Context) -> None:
    """A softmax normalises over the examples of the batch.

    ## What it does
    Reports softmax, log-softmax and `normalize` along the axis that a layer or a loader shows
    to be the batch, or along the first axis of what a linear layer gives for each example of a
    batch. A softmax without `dim` takes the first axis where there are three.

    ## Why it hurts training
    The scores of one example depend on which other examples are in its batch, and those of its
    classes do not sum to one. With a batch of one, every probability is 1.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3)
            self.head = nn.Linear(8, 10)

        def forward(self, images):
            features = self.conv(images).mean((2, 3))
            return F.log_softmax(self.head(features), dim=0)  # want: softmax-over-batch
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3)
            self.head = nn.Linear(8, 10)

        def forward(self, images):
            features = self.conv(images).mean((2, 3))
            return F.log_softmax(self.head(features), dim=1)
    ```

    ## When not to use it
    Where examples are compared on purpose, as contrastive losses do: tables of all by all and
    weights over a memory are left alone.

    ## References
    - [torch.nn.functional.softmax](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html)
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    for found in over_batch(program):
        operation = found.operation
        place = place_of(operation)
        right = -1 if found.right is None else found.right
        context.report(
            place,
            f"`{place.text}` normalises over the batch: what it gives for one example depends on "
            "the others, and does not sum to one within it"
            if "softmax" in operation.entry.family
            else f"`{place.text}` normalises over the batch: what it gives for one example depends "
            "on the others",
            help=f"Normalise within each example: `dim={right}`.",
            related=[] if place == operation.site else [(operation.site, "where it is applied")],
            fix=("Normalise within each example", set_axis(operation, right)),
        )
