from nnlint.questions.loss.exponents import rounds_to_zero
from nnlint.questions.loss.losses import unstable_logarithm
from nnlint.remedies.loss import stable_logarithm
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation

STABLE = {
    "softmax": "log_softmax",
    "sigmoid": "logsigmoid",
    "1 - sigmoid": "logsigmoid of the negated logits",
    "sum(exp)": "logsumexp",
}


@rule(
    "NN405",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="operation", family="log"),
    fix=Applicability.SAFE,
    flows=True,
)
def log_of_softmax(logarithm: Operation, context: Context) -> None:
    """A logarithm of softmax, sigmoid or a sum of exponentials, taken in two steps.

    ## What it does
    Reports `log(softmax(x))`, `log(sigmoid(x))`, `log(1 - sigmoid(x))` and `log(sum(exp(x)))`
    where gradients are recorded, also when the two steps stand in different functions.

    ## Why it hurts training
    A small probability is rounded to 0 and its logarithm is minus infinity: one confident
    mistake turns the loss into inf or NaN, and with it every weight.

    ## Example
    ```python
    import torch
    import torch.nn.functional as F


    def log_probability(logits):
        return torch.log(F.softmax(logits, dim=1))  # want: log-of-softmax
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F


    def log_probability(logits):
        return F.log_softmax(logits, dim=1)
    ```

    ## When not to use it
    It leaves a logarithm alone that a small constant or a clamp keeps from 0, or that is of what was
    made without gradients, as in a beam search.

    ## References
    - [log_softmax](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html)
    """
    found = unstable_logarithm(logarithm) if logarithm.grad else None
    if found is None:
        return
    name, operation = found
    what = (
        "a score above 88 overflows in exp and" if "exp" in name else "a probability rounded to 0"
    )
    if "exp" in name and rounds_to_zero(operation):
        what = "where all scores are below -103, exp rounds them to 0, which"
    context.report(
        logarithm.site,
        f"`{logarithm.site.text}` takes the logarithm of {name}: {what} makes the loss inf or NaN",
        help=f"Use {STABLE[name]}, which does both in one stable step.",
        related=[(operation.site, f"{name} is computed here")],
        fix=("Take both in one stable step", stable_logarithm(logarithm, name, operation)),
    )
