from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.loss_remedies import exchange_loss
from nnlint.semantics.losses import LOGARITHMS, last_activation
from nnlint.semantics.values import Operation

WITH_LOGITS = (
    "torch.nn.functional.binary_cross_entropy_with_logits",
    "torch.nn.BCEWithLogitsLoss",
)
UNBOUNDED = LOGARITHMS | frozenset(
    "linear relu leaky_relu prelu elu selu celu gelu silu mish softplus tanh".split()
)


@rule(
    "NN403",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family="bce"),
    fix=Applicability.UNSAFE,
    probe="loss-at-init",
)
def logits_into_bce(loss: Operation, context: Context) -> None:
    """Raw layer output given to a binary cross entropy that wants probabilities.

    ## What it does
    Follows the input of `BCELoss` back to the layer or activation that made it, on every path,
    and reports one whose output is not confined to 0..1.

    ## Why it hurts training
    The loss takes the logarithm of its input. The first output outside 0..1 stops the run, and
    until then the model is trained on numbers that are no probabilities.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 1)

        def loss(self, x, y):
            return F.binary_cross_entropy(self.layer(x), y)  # want: logits-into-bce
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 1)

        def loss(self, x, y):
            return F.binary_cross_entropy_with_logits(self.layer(x), y)
    ```

    ## When not to use it
    It reports only inputs that are known to be no probabilities.

    ## References
    - [BCELoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html)
    """
    found = last_activation(loss)
    if found is None or found[0] not in UNBOUNDED:
        return
    name, operation = found
    what = "the raw output of a layer" if name == "linear" else f"the output of {name}"
    context.report(
        loss.site,
        f"`{loss.site.text}` takes probabilities, and its input is {what}: the run stops at the "
        "first value outside 0..1, and learns nothing sound before",
        help="Use the loss with logits (`BCEWithLogitsLoss`), or apply sigmoid first.",
        related=[(operation.site, f"the input is {what}")],
        fix=("Use the loss with logits", exchange_loss(loss, *WITH_LOGITS))
        if name == "linear"
        else None,
    )
