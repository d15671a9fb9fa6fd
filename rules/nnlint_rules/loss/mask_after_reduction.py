from nnlint.questions.loss.masking import masked_means
from nnlint.remedies.loss import leave_unreduced
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN418",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def mask_after_reduction(program: Program, context: Context) -> None:
    """A loss that is one number already is multiplied by a mask or by weights of examples.

    ## What it does
    Reports the product of a loss that averages over all its elements and of a mask, or of
    weights, with a number for each element or example, where the product is summed up or
    averaged afterwards.

    ## Why it hurts training
    The mean has been taken of all elements, those that the mask is there to leave out among
    them. Multiplying the one number by the mask and summing up gives it back, times the number
    of elements that count at most: padding is trained on, and weights weigh nothing.

    ## Example
    ```python
    from torch import nn


    def masked_loss(model, tokens, tags, mask):
        criterion = nn.BCEWithLogitsLoss()
        loss = criterion(model(tokens), tags)
        return (loss * mask).sum() / mask.sum()  # want: mask-after-reduction
    ```

    ## Use instead
    ```python
    from torch import nn


    def masked_loss(model, tokens, tags, mask):
        criterion = nn.BCEWithLogitsLoss(reduction="none")
        loss = criterion(model(tokens), tags)
        return (loss * mask).sum() / mask.sum()
    ```

    ## When not to use it
    It is silent where the factor is one number, such as the weight of a term.

    ## References
    - [BCEWithLogitsLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
    """
    for found in masked_means(program):
        factor, loss = found.factor.text, found.loss
        effect = "leaves nothing out" if found.masks else "weighs no example"
        context.report(
            found.product,
            f"`{loss.site.text}` is the mean over all elements, one number: multiplied by it, "
            f"`{factor}` {effect}",
            help='Build the loss with `reduction="none"`, and reduce it behind the product.',
            related=[(loss.site, "reduced to its mean here")],
            fix=("Leave the loss unreduced", leave_unreduced(loss)),
        )
