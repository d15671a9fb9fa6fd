from nnlint.questions.loss.losses import thresholded_logits
from nnlint.remedies.loss import compare_with_zero
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN416",
    level=Level.WARNING,
    recipe="monitor metrics that are human interpretable",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def logit_threshold(program: Program, context: Context) -> None:
    """Logits compared with 0.5 as if they were probabilities.

    ## What it does
    Reports a comparison with 0.5, or a rounding, of the raw output of a layer that the same
    program gives to a binary cross entropy with logits, or applies sigmoid to elsewhere.

    ## Why it hurts training
    Probability 0.5 is logit 0. At logit 0.5 the model is 62 % sure: every prediction between
    is counted as negative, and accuracy, recall and model choice are wrong.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn

    layer = nn.Linear(8, 1)


    def step(x, y):
        logits = layer(x)
        accuracy = ((logits > 0.5) == y).float().mean()  # want: logit-threshold
        return F.binary_cross_entropy_with_logits(logits, y), accuracy
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn

    layer = nn.Linear(8, 1)


    def step(x, y):
        logits = layer(x)
        accuracy = ((logits > 0) == y).float().mean()
        return F.binary_cross_entropy_with_logits(logits, y), accuracy
    ```

    ## When not to use it
    When a logit of 0.5 is the threshold that was chosen on purpose.

    ## References
    - [BCEWithLogitsLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
    """
    for comparison, logits, taken in thresholded_logits(program):
        rounds = comparison.entry.name == "torch.round"
        means = "the loss that takes them as logits" if taken.entry.kind == "loss" else "sigmoid"
        context.report(
            comparison.site,
            f"`{comparison.site.text}` rounds logits: they are no probabilities, and what is above "
            "1.5 is taken for no class at all"
            if rounds
            else f"`{comparison.site.text}` compares logits with 0.5: predictions between 50 % and "
            "62 % count as negative, and the metric is wrong",
            help="Apply sigmoid first." if rounds else "Compare with 0, or apply sigmoid first.",
            related=[(logits, "the logits"), (taken.site, means)],
            fix=None if rounds else ("Compare with 0", compare_with_zero(comparison.site)),
        )
