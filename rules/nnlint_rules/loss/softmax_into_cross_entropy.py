from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.dataflow import activation
from nnlint.semantics.values import Operation


@rule(
    "NN401",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family="cross_entropy"),
    fix=Applicability.UNSAFE,
    probe="loss-at-init",
)
def softmax_into_cross_entropy(loss: Operation, context: Context) -> None:
    """Softmax output given to a cross entropy, which applies softmax itself.

    ## What it does
    Follows the input of cross entropy back to a softmax on every path, through models and
    helpers in other modules too.

    ## Why it hurts training
    The loss normalises its input again. It cannot come near zero (for ten classes it stops
    at 1.46), gradients shrink, nothing raises, and the model trains slowly to a worse end.

    ## Example
    ```python
    import torch.nn.functional as F


    def loss_of(model, x, y):
        scores = F.softmax(model(x), dim=1)
        return F.cross_entropy(scores, y)  # want: softmax-into-cross-entropy
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F


    def loss_of(model, x, y):
        return F.cross_entropy(model(x), y)
    ```

    ## When not to use it
    It reports only inputs that are softmax output on every path.

    ## References
    - [CrossEntropyLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    """
    if not loss.inputs:
        return
    found = activation(loss.inputs[0])
    if found is None or found[0] not in ("softmax", "log_softmax"):
        return
    name, operation = found
    context.report(
        loss.site,
        f"`{loss.site.text}` takes logits, but its input has gone through {name} already: "
        "the loss stays high and its gradients small",
        help=f"Give it the logits; apply {name} for predictions only.",
        related=[(operation.site, f"{name} is applied here")],
    )
