from nnlint.rule import Calls, Context, Level, rule
from nnlint.semantics.dropout import dropouts_behind
from nnlint.semantics.values import Operation


@rule(
    "NN311",
    level=Level.ADVICE,
    recipe="regularize: dropout",
    on=Calls(family="batch_norm"),
    probe="variance-shift",
)
def dropout_before_batchnorm(operation: Operation, context: Context) -> None:
    """Dropout feeds a batch normalisation.

    ## What it does
    Follows the input of each batch-norm layer back through layers, activations, residual
    sums and functions to a dropout, with no other normalisation between.

    ## Why it hurts training
    Dropout raises the variance of its output in training only. The running variance that
    batch norm stores is then too large in evaluation, and the model is worse there.

    ## Example
    ```python
    from torch import nn


    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)
            self.linear = nn.Linear(64, 64)
            self.norm = nn.BatchNorm1d(64)

        def forward(self, x):
            x = self.drop(x)  # want: dropout-before-batchnorm
            return self.norm(self.linear(x))
    ```

    ## Use instead
    ```python
    from torch import nn


    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)
            self.linear = nn.Linear(64, 64)
            self.norm = nn.BatchNorm1d(64)

        def forward(self, x):
            return self.drop(self.norm(self.linear(x)))
    ```

    ## When not to use it
    When the statistics are re-estimated with dropout off before evaluation.

    ## References
    - Li et al., Understanding the Disharmony between Dropout and Batch Normalization by
      Variance Shift, CVPR 2019, [arXiv:1801.05134](https://arxiv.org/abs/1801.05134)
    """
    norm = operation.site.text.partition("(")[0]
    for dropout in dropouts_behind(operation):
        context.report(
            dropout.site,
            f"`{dropout.site.text}` drops from what `{norm}` normalises: the running variance, "
            "taken in training, is too large in evaluation",
            help="Move the dropout behind the last batch norm.",
            related=[(operation.site, "the batch norm that it feeds")],
        )
