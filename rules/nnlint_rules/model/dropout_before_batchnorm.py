from nnlint.questions.model.dropout import Reached, dropouts_behind_norms, reached
from nnlint.questions.model.layers import place_of
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN311",
    level=Level.ADVICE,
    recipe="regularize: dropout",
    on=Programs(),
    probe="variance-shift",
)
def dropout_before_batchnorm(program: Program, context: Context) -> None:
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
    for dropout, operation in dropouts_behind_norms(program):
        norm = reached(dropout, operation)
        where = norm.block.site if norm.block else None
        place = place_of(dropout)
        context.report(
            place,
            f"`{place.text}` drops from what {described(norm)}: the running variance, "
            "taken in training, is too large in evaluation",
            help=remedy(norm),
            related=[
                *([(where, block_label(norm))] if where else ()),
                (place_of(operation), label(norm)),
            ],
        )


def described(norm: Reached) -> str:
    """What the batch norm does that is meant, so that nobody takes another one for it."""
    if norm.block is not None:
        name, path = norm.norm.removeprefix("self."), f" ({norm.path})" if norm.path else ""
        return f"`{name}` of {_the(norm)}{path} normalises"
    if not norm.again:
        return f"`{norm.norm}` normalises"
    if norm.built:
        return f"the next `{norm.norm}` normalises"
    return f"`{norm.norm}` normalises in the next round"


def remedy(norm: Reached) -> str:
    """Where to drop out instead."""
    if norm.block is not None:
        name = norm.block.cls.node.name
        if norm.alike:
            return f"Use dropout once, behind the last `{name}` and any batch norm that follows it."
        return f"Move the dropout behind the last batch norm of `{name}`."
    if norm.built and norm.again:
        return "Keep the dropout only behind the last batch norm."
    if norm.again:
        return "Use dropout once, behind the batch norm of the last round."
    return "Move the dropout behind the last batch norm."


def label(norm: Reached) -> str:
    """What the place of the batch norm shows."""
    if norm.block is not None:
        return f"the batch norm of {_the(norm)}"
    if norm.built and norm.again:
        return "the next batch norm built here is the one that it feeds"
    return "the batch norm that it feeds" + (" in the next round" if norm.again else "")


def block_label(norm: Reached) -> str:
    """What the place of the module shows that the batch norm belongs to."""
    return f"{_the(norm)}, which the dropout feeds"


def _the(norm: Reached) -> str:
    assert norm.block is not None
    return (
        f"the next `{norm.block.cls.node.name}`" if norm.alike else f"`{norm.block.cls.node.name}`"
    )
