from nnlint.questions.loss.broadcasts import tables_of
from nnlint.remedies.loss import add_last_axis
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN407",
    level=Level.ERROR,
    recipe="overfit one batch",
    on=(Calls(kind="loss"), Calls(family="reduce")),
    fix=Applicability.UNSAFE,
    probe="loss-shape",
)
def loss_broadcast(loss: Operation, context: Context) -> None:
    """A column of predictions compared with a row of targets.

    ## What it does
    Reports a loss that takes element by element a prediction of shape `(B, 1)` and a target of
    shape `(B,)`, or the other way round. Losses such as the mean squared error broadcast the
    two to a table of B times B. A loss that is written out, as `((a - b) ** 2).mean()`, does the
    same, also where the error is clipped or scaled on the way.

    ## Why it hurts training
    Every prediction is pulled towards every target of the batch, so all of them end at the
    batch's mean: the loss falls to the variance of the targets and the model learns nothing else.

    ## Example
    ```python
    import torch
    from torch import nn

    x, y = torch.randn(100, 8), torch.randn(100)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
    loss = nn.MSELoss()(model(x), y)  # want: loss-broadcast
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn

    x, y = torch.randn(100, 8), torch.randn(100)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
    loss = nn.MSELoss()(model(x).squeeze(1), y)
    ```

    ## When not to use it
    It is silent unless both shapes are known. A layer of one output is taken to be given a batch
    of vectors, and a list of numbers or a column of a table to be a row. All pairs that are written
    on purpose, as `a - b[:, None]`, are not reported.

    ## References
    - [MSELoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html)
    """
    for table in tables_of(loss):
        place = table.comparison.site
        context.report(
            place,
            f"`{place.text}` compares {table.prediction} predictions with {table.target} targets: "
            "each prediction is pulled towards every target of the batch, and all end at their mean",
            help="Give both the same shape: `.squeeze(1)` the one, or `.unsqueeze(1)` the other.",
            fix=(
                "Give both sides the same shape",
                add_last_axis(table.comparison, table.row_is_second),
            ),
        )
