from nnlint.questions.model.dropout import OF_ANY_KIND
from nnlint.questions.model.lasting_dropout import ATTENTION, is_always_on
from nnlint.remedies.model import follow_mode
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN314",
    level=Level.ERROR,
    recipe="regularize: drop",
    on=Calls(family=(*sorted(OF_ANY_KIND), "attention")),
    fix=Applicability.SAFE,
    probe="eval-determinism",
)
def dropout_always_on(dropout: Operation, context: Context) -> None:
    """Dropout that is active in evaluation, too.

    ## What it does
    Reports `F.dropout` and its kin in a module where they are not given the mode,
    `scaled_dot_product_attention` with a rate that does not depend on it, and dropout layers that
    are built where they are called, which are always in training mode.

    ## Why it hurts training
    `model.eval()` does not reach them. Every prediction loses random features, scores are lower
    and differ from run to run, and the checkpoint that looks best is picked by luck.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(64, 64)
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            x = F.relu(self.hidden(x))
            x = F.dropout(x, 0.5)  # want: dropout-always-on
            return self.head(x)
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(64, 64)
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            x = F.relu(self.hidden(x))
            x = F.dropout(x, 0.5, training=self.training)
            return self.head(x)
    ```

    ## When not to use it
    For Monte-Carlo dropout: say so in the name of the class or method, or write `training=True`.

    ## References
    - [torch.nn.functional.dropout](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html)
    """
    if not is_always_on(dropout):
        return
    place = dropout.written_at
    if dropout.layer is not None:
        context.report(
            place,
            f"`{place.text}` is a new layer in each call, and so in training mode: it drops values "
            "in evaluation, too",
            help="Build it in `__init__`, where `eval()` reaches it.",
        )
        return
    context.report(
        place,
        f"`{place.text}` drops values in evaluation, too: the function does not know of `eval()`",
        help="Give it a rate of 0 unless `self.training`."
        if dropout.entry.name == ATTENTION
        else "Give it `training=self.training`.",
        fix=("Follow the mode of the module", follow_mode(dropout)),
    )
