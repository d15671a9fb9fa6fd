from nnlint.questions.loss.losses import last_activation
from nnlint.remedies.pipelines import bypass
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN402",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family=("bce_with_logits", "focal")),
    fix=Applicability.UNSAFE,
    probe="loss-at-init",
    flows=True,
)
def sigmoid_into_bce_with_logits(loss: Operation, context: Context) -> None:
    """Sigmoid output given to a loss that applies sigmoid itself.

    ## What it does
    Follows the input of a binary cross entropy with logits, or of a sigmoid focal loss, back to
    a sigmoid or softmax on every path, through models and helpers in other modules too.

    ## Why it hurts training
    A probability put through sigmoid lies between 0.5 and 0.73. The model can never predict
    "no" with confidence, the loss of negatives stops at 0.69, and gradients are small.

    ## Example
    ```python
    import torch
    import torch.nn.functional as F


    def loss_of(model, x, y):
        scores = torch.sigmoid(model(x))
        return F.binary_cross_entropy_with_logits(scores, y)  # want: sigmoid-into-bce-with-logits
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F


    def loss_of(model, x, y):
        return F.binary_cross_entropy_with_logits(model(x), y)
    ```

    ## When not to use it
    It reports only inputs that are sigmoid or softmax output on every path.

    ## References
    - [BCEWithLogitsLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
    """
    found = last_activation(loss)
    if found is None or found.name not in ("sigmoid", "hard_sigmoid", "softmax"):
        return
    name, place, operation = found
    context.report(
        loss.site,
        f"`{loss.site.text}` applies sigmoid to what has gone through {name} already: every "
        "prediction lies between 0.5 and 0.73, and the loss of negatives stops at 0.69",
        help=f"Give it the logits; apply {name} for predictions only.",
        related=[(place, f"{name} is applied here")],
        fix=(f"Leave out the {name}", bypass(operation) if operation else None),
    )
