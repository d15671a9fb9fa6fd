from nnlint.questions.loss.lone_models import lone_raw_output
from nnlint.questions.loss.losses import Last, last_activation, picks_probabilities
from nnlint.remedies.loss import exchange_loss
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation

ON_LOGITS = ("torch.nn.functional.cross_entropy", "torch.nn.CrossEntropyLoss")
NO_LOGARITHMS = frozenset(
    "linear softmax sigmoid relu leaky_relu elu selu gelu silu softplus tanh".split()
)


@rule(
    "NN404",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family="nll"),
    fix=Applicability.UNSAFE,
    probe="loss-at-init",
    flows=True,
)
def logits_into_nll(loss: Operation, context: Context) -> None:
    """Logits or probabilities given to a loss that wants log-probabilities.

    ## What it does
    Follows the input of `NLLLoss` back to the layer or activation that made it, on every path,
    and reports one that takes no logarithm. Of a function that is only given its model, it takes
    the one model of the file, where nothing hints at another.

    ## Why it hurts training
    The loss only picks the target's entry and changes its sign. Raw outputs make it fall
    without bound while accuracy stays low; probabilities leave it without its logarithm, so
    that confident mistakes cost hardly more than small ones.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn

    head = nn.Linear(8, 3)


    def loss_of(x, y):
        return F.nll_loss(head(x), y)  # want: logits-into-nll
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn

    head = nn.Linear(8, 3)


    def loss_of(x, y):
        return F.cross_entropy(head(x), y)
    ```

    ## When not to use it
    It reports only inputs that are known to be no log-probabilities. It is silent where
    `reduction="none"` only picks the probabilities of the labels and nothing trains on them.

    ## References
    - [NLLLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html)
    """
    if loss.entry.expects != "log_probabilities":
        return
    found = last_activation(loss)
    picks = found is not None and found.name == "softmax"
    if picks and picks_probabilities(loss, context.programs):
        return
    lone = lone_raw_output(loss, context.programs) if found is None else None
    if lone is not None:
        found = Last("linear", lone[0], None)
    if found is None or found.name not in NO_LOGARITHMS:
        return
    name, place, _ = found
    harm = (
        "confident mistakes cost hardly more than small ones"
        if name in ("softmax", "sigmoid")
        else "the loss falls without bound as the outputs grow, right or wrong"
    )
    what = "the raw output of a layer" if name == "linear" else f"{name} output"
    if lone is not None:
        what += f" of `{lone[1]}`, the only model here"
    context.report(
        loss.site,
        f"`{loss.site.text}` takes log-probabilities, and its input is {what}: {harm}",
        help="Use cross entropy on the logits, or apply log_softmax first.",
        related=[(place, f"the input is {what}")],
        fix=("Use cross entropy", exchange_loss(loss, *ON_LOGITS)) if name == "linear" else None,
    )
