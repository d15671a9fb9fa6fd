import math

from nnlint.questions.loss.losses import classes_of, last_activation, others_take
from nnlint.remedies.pipelines import bypass
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation

MESSAGES = {
    "softmax": "applies softmax to what has gone through softmax already: the loss cannot come "
    "near zero and its gradients stay small",
    "log_softmax": "applies log_softmax to what are log-probabilities already: the loss is the "
    "same, but the second pass is wasted and the outputs are no logits",
}
UNTRAINED = (
    "applies softmax to what has gone through softmax already: it measures another loss than that "
    "of the model's predictions"
)


@rule(
    "NN401",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family="cross_entropy"),
    fix=Applicability.UNSAFE,
    probe="loss-at-init",
    flows=True,
)
def softmax_into_cross_entropy(loss: Operation, context: Context) -> None:
    """Softmax output given to a cross entropy, which applies softmax itself.

    ## What it does
    Follows the input of cross entropy back to a softmax or log_softmax on every path, through
    models and helpers in other modules too. A log_softmax changes nothing but the cost of the
    step, since it gives back log-probabilities as they are: it is a warning only.

    ## Why it hurts training
    The loss normalises its input again. On probabilities it cannot come near zero (for ten
    classes it stops at 1.46), gradients shrink, nothing raises, and the model trains slowly to a
    worse end. On log-probabilities it is right, and the first pass is wasted.

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
    found = last_activation(loss)
    if found is not None and found.name == "sigmoid" and found.operation is not None:
        count = classes_of(found.operation) or 1
        if count > 1:
            most = math.e / (math.e + count - 1)
            context.report(
                loss.site,
                f"`{loss.site.text}` applies softmax to sigmoid outputs, which lie between 0 and 1: of "
                f"{count} classes the right one gets {most:.0%} at most, and the loss cannot come near zero",
                help="Give it the logits; apply sigmoid or softmax for predictions only.",
                related=[(found.site, "sigmoid is applied here")],
            )
        return
    if found is None or found.name not in MESSAGES:
        return
    name, place, operation = found
    once = name == "softmax"
    apart = operation is not None and not others_take(operation, loss, context.programs)
    harm = MESSAGES[name] if loss.grad or not once else UNTRAINED
    context.report(
        loss.site,
        f"`{loss.site.text}` {harm}",
        help=f"Give it the logits; apply {name} for predictions only."
        if once
        else "Give it the logits, or take `nll_loss`.",
        related=[(place, f"{name} is applied here")],
        fix=(f"Leave out the {name}", bypass(operation) if operation and apart else None),
        level=None if once else Level.WARNING,
    )
