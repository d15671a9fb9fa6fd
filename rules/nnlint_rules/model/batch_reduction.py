from nnlint.questions.model.batch_statistics import batch_statistics
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN304",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    probe="batch-dependency",
)
def batch_reduction(program: Program, context: Context) -> None:
    """A `forward` scales or shifts each example by a statistic of the whole batch.

    ## What it does
    Reports means, deviations, extremes and norms over the axis of the examples, or over all
    axes, that a `forward` divides its tensor by, multiplies it with or takes from it, where a
    layer shows which axis the examples lie along.

    ## Why it hurts training
    What the network gives for one example depends on which others are in its batch: it is
    another in evaluation, where batches differ, and for a single example a mean is the example
    itself.

    ## Example
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3)
            self.head = nn.Linear(8, 10)

        def forward(self, images):
            maps = self.conv(images)
            maps = maps / maps.max()  # want: batch-reduction
            return self.head(maps.mean((2, 3)))
    ```

    ## Use instead
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3)
            self.head = nn.Linear(8, 10)

        def forward(self, images):
            maps = self.conv(images)
            maps = maps / maps.amax((1, 2, 3), keepdim=True)
            return self.head(maps.mean((2, 3)))
    ```

    ## When not to use it
    Layers that keep running statistics for evaluation, losses, and what compares the examples
    of a batch on purpose are left alone.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    - [torch.nn.LayerNorm](https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html)
    """
    for found in batch_statistics(program):
        place, combined = found.statistic.site, found.combined.site
        over = "all examples of the batch" if found.whole else "the examples of the batch"
        context.report(
            place,
            f"`{place.text}` goes over {over}, and `{combined.text}` gives it back to each: what "
            "comes out for one example depends on the others",
            help="Take it within each example: over all axes but the first, with `keepdim=True`.",
            related=[(combined, "where it meets the examples again")],
        )
