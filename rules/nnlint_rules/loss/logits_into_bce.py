from nnlint.questions.loss.losses import (
    LOGARITHMS,
    has_raw_target,
    last_activation,
    taken_for_logits,
)
from nnlint.remedies.loss import exchange_loss
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Operation, Site

WITH_LOGITS = (
    "torch.nn.functional.binary_cross_entropy_with_logits",
    "torch.nn.BCEWithLogitsLoss",
)
UNBOUNDED = LOGARITHMS | frozenset(
    "linear relu leaky_relu prelu elu selu celu gelu silu mish softplus tanh".split()
)


@rule(
    "NN403",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Programs(),
    fix=Applicability.UNSAFE,
    probe="loss-at-init",
)
def logits_into_bce(program: Program, context: Context) -> None:
    """Raw layer output given to a binary cross entropy that wants probabilities.

    ## What it does
    Follows the input of `BCELoss` back to the layer or activation that made it, on every path,
    and reports one whose output is not confined to 0..1. Where nothing is known of the input, it
    reports one of which the program takes the sigmoid elsewhere: it can't be both.

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
    # where it also compares two outputs, both have to become probabilities
    apart = {
        o.site.key for o in program.operations if o.entry.family == "bce" and has_raw_target(o)
    }
    for loss in program.operations:
        found = last_activation(loss) if loss.entry.family == "bce" else None
        if found is not None and found.name in UNBOUNDED:
            raw = found.name == "linear"
            what = "the raw output of a layer" if raw else f"the output of {found.name}"
            whole = raw and loss.site.key not in apart
            _report(
                context, loss, f"its input is {what}", (found.site, f"the input is {what}"), whole
            )
    for loss, sigmoid in taken_for_logits(program):
        what = "its input is taken for logits elsewhere"
        _report(context, loss, what, (sigmoid.site, "sigmoid is taken of the same here"), True)


def _report(
    context: Context, loss: Operation, what: str, related: tuple[Site, str], raw: bool
) -> None:
    context.report(
        loss.site,
        f"`{loss.site.text}` takes probabilities, and {what}: the run stops at the "
        "first value outside 0..1, and learns nothing sound before",
        help="Use the loss with logits (`BCEWithLogitsLoss`), or apply sigmoid first.",
        related=[related],
        fix=("Use the loss with logits", exchange_loss(loss, *WITH_LOGITS)) if raw else None,
    )
