from nnlint.questions.loss.losses import one_class
from nnlint.questions.model.layers import place_of
from nnlint.rule import Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN413",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=(Calls(kind="loss", family="cross_entropy"), Calls(family=("softmax", "log_softmax"))),
    probe="loss-at-init",
    flows=True,
)
def one_class_softmax(operation: Operation, context: Context) -> None:
    """Softmax or cross entropy over a single class.

    ## What it does
    Reports cross entropy on the output of a layer with one output, and softmax over an axis
    that such a layer makes.

    ## Why it hurts training
    Softmax over one number is 1, whatever the number is. The loss is 0 from the first step and
    all gradients are 0: nothing is learned, and nothing says so.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Churn(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(16, 1)

        def loss(self, x, y):
            return F.cross_entropy(self.head(x), y)  # want: one-class-softmax
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Churn(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(16, 1)

        def loss(self, x, y):
            return F.binary_cross_entropy_with_logits(self.head(x).squeeze(1), y)
    ```

    ## When not to use it
    It reports only layers whose number of outputs is written as 1.

    ## References
    - [Softmax](https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html)
    """
    layer = one_class(operation)
    if layer is None:
        return
    effect = (
        "the loss is 0 and so is every gradient"
        if operation.entry.kind == "loss"
        else "its output is 1 whatever the model computes, and its gradient is 0"
    )
    place, single = place_of(operation), place_of(layer)
    context.report(
        place,
        f"`{place.text}` normalises over the single output of `{single.text}`: {effect}",
        help="Use binary cross entropy with logits and sigmoid, or give the layer two outputs.",
        related=[(single, "the layer with one output")],
    )
