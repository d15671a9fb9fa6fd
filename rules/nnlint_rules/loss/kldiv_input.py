from nnlint.questions.loss.losses import (
    LOGARITHMS,
    averages_over_all_elements,
    is_log_of_raw,
    last_activation,
    taken_for_scores,
)
from nnlint.remedies.loss import average_over_batch, log_softmax_first
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN406",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family="kl_div"),
    fix=Applicability.UNSAFE,
)
def kldiv_input(loss: Operation, context: Context) -> None:
    """A KL divergence of what are no log-probabilities, or averaged over all elements.

    ## What it does
    Reports `KLDivLoss` whose input is known to be no log-probability, and, as a warning, one
    with `reduction="mean"`, which is its default.

    ## Why it hurts training
    The loss takes its first argument as logarithms. Probabilities there give a number that is
    no divergence and is smallest far from the target. `mean` divides by the number of classes
    too: beside other terms it is weaker than its weight says, alone it makes shorter steps and
    is no divergence to report, by a factor that grows with the classes.

    ## Example
    ```python
    import torch.nn.functional as F


    def distil(student, teacher, x):
        p, q = F.softmax(student(x), dim=1), F.softmax(teacher(x), dim=1)
        return F.kl_div(p, q.detach(), reduction="batchmean")  # want: kldiv-input
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F


    def distil(student, teacher, x):
        p, q = F.log_softmax(student(x), dim=1), F.softmax(teacher(x), dim=1)
        return F.kl_div(p, q.detach(), reduction="batchmean")
    ```

    ## When not to use it
    When the weight of the term was tuned with the mean over all elements.

    ## References
    - [KLDivLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html)
    """
    found = last_activation(loss)
    scores = None
    if found is None:
        scores = next(filter(None, (taken_for_scores(loss, p) for p in context.programs)), None)
    raw = found is not None and found.operation is not None and is_log_of_raw(found.operation)
    if found is not None and found.name == "log" and raw:
        context.report(
            loss.site,
            f"`{loss.site.text}` takes log-probabilities first, and is given the logarithm of a raw "
            "output: below zero it is nan, and the divergence with it",
            help="Apply log_softmax to the outputs, in place of the logarithm.",
            related=[(found.site, "the logarithm of a raw output")],
        )
    elif found is not None and found.name not in LOGARITHMS:
        name, place, _ = found
        what = "the raw output of a layer" if name == "linear" else f"{name} output"
        context.report(
            loss.site,
            f"`{loss.site.text}` takes log-probabilities first, and is given {what}: the result "
            "is no divergence and is smallest far from the target",
            help="Apply log_softmax to the first argument.",
            related=[(place, f"the first argument is {what}")],
            fix=("Apply log_softmax first", log_softmax_first(loss, name)),
        )
    elif scores is not None:
        context.report(
            loss.site,
            f"`{loss.site.text}` takes log-probabilities first, and is given what "
            f"`{scores.site.text}` takes for logits: the result is no divergence and is smallest far "
            "from the target",
            help="Apply log_softmax to the first argument.",
            related=[(scores.site, "the same model's output is taken for logits here")],
            fix=("Apply log_softmax first", log_softmax_first(loss, "linear")),
        )
    elif averages_over_all_elements(loss):
        context.report(
            loss.site,
            f"`{loss.site.text}` is averaged over classes as well as examples: it is the divergence "
            "divided by the number of classes, and counts for less by that factor",
            help='Use `reduction="batchmean"`.',
            level=Level.WARNING,
            fix=("Average over the batch only", average_over_batch(loss)),
        )
