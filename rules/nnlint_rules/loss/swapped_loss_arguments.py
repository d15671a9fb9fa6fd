from nnlint.questions.loss.swapping import is_swapped
from nnlint.remedies.loss import swap_arguments
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN408",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family=("cross_entropy", "nll", "bce", "bce_with_logits")),
    fix=Applicability.SAFE,
)
def swapped_loss_arguments(loss: Operation, context: Context) -> None:
    """The target given to a loss as its input, and the prediction as its target.

    ## What it does
    Reports a cross entropy whose second argument is the output of a trained layer while its
    first is data.

    ## Why it hurts training
    The loss takes the data as the model's prediction: it is another function of the outputs,
    which may fall without bound, and its gradient pulls them the wrong way.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 1)

        def loss(self, x, y):
            logits = self.layer(x)
            return F.binary_cross_entropy_with_logits(y, logits)  # want: swapped-loss-arguments
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
            logits = self.layer(x)
            return F.binary_cross_entropy_with_logits(logits, y)
    ```

    ## When not to use it
    It leaves losses alone that are the same either way, such as the mean squared error.

    ## References
    - [BCEWithLogitsLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
    """
    if not is_swapped(loss):
        return
    context.report(
        loss.site,
        f"`{loss.site.text}` is given the target first and the prediction second: the loss takes the "
        "data for the model's output, and trains the outputs the wrong way",
        help="Swap the two: the prediction comes first.",
        fix=("Swap the arguments", swap_arguments(loss)),
    )
