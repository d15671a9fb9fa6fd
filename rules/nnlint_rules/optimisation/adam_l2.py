from nnlint.questions.optimisation.weight_decay import adds_to_gradient
from nnlint.remedies.naming import call_instead
from nnlint.rule import Applicability, Builds, Context, Level, rule
from nnlint.semantics.values import Built


@rule(
    "NN606",
    level=Level.PEDANTIC,
    recipe="regularize: weight decay",
    on=Builds(kind="optimizer", family="adam"),
    fix=Applicability.UNSAFE,
)
def adam_l2(built: Built, context: Context) -> None:
    """Adam's weight decay is an L2 penalty.

    ## What it does
    Reports `torch.optim.Adam` with a weight decay. The fix uses `AdamW`, for which the number has
    another meaning: it has to be tuned again, and is often a hundred times as large.

    ## Why it hurts training
    `Adam` adds the decay to the gradient and then divides the sum by the gradient's own size, so
    that weights with large gradients are hardly decayed. `AdamW` takes the decay off the weights
    themselves, which regularises all of them alike.

    ## Example
    ```python
    import torch


    def optimizer_of(model):
        return torch.optim.Adam(model.parameters(), lr=3e-4, weight_decay=1e-4)  # want: adam-l2
    ```

    ## Use instead
    ```python
    import torch


    def optimizer_of(model):
        return torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=1e-2)
    ```

    ## When not to use it
    To repeat results that were obtained with the penalty.

    ## References
    - [Decoupled Weight Decay Regularization](https://arxiv.org/abs/1711.05101)
    """
    if adds_to_gradient(built):
        context.report(
            built.site,
            "`Adam` adds its weight decay to the gradient and divides both by the gradient's size: "
            "weights with large gradients hardly decay",
            help="Use `AdamW`, and tune its weight decay anew.",
            fix=("Use AdamW", call_instead(built.site, "torch.optim.AdamW")),
        )
