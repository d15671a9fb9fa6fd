from nnlint.questions.loss.added import MEAN
from nnlint.questions.loss.divisors import BATCHES
from nnlint.questions.loss.kept_means import kept_means
from nnlint.questions.loss.scores import Average, averages, is_uneven
from nnlint.remedies.loss import weigh_by_batch
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import SiteKey


@rule(
    "NN411",
    level=Level.ADVICE,
    recipe="add significant digits to your eval",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def mean_of_batch_means(program: Program, context: Context) -> None:
    """An evaluation score that is the mean of the batches' means.

    ## What it does
    Reports an evaluation that adds up or collects the mean loss, accuracy or other metric of each
    batch, and divides by the number of batches, however that is written: `len(loader)`, `i + 1`,
    a counter, `np.mean`, `sum(losses) / len(losses)`.

    ## Why it hurts training
    The last, smaller batch counts as much as a full one: its few examples weigh several times
    the others, and the score that picks the best model depends on the batch size.

    ## Example
    ```python
    import torch
    from torch import nn


    @torch.no_grad()
    def evaluate(model, loader):
        criterion = nn.CrossEntropyLoss()
        model.eval()
        total = 0.0
        for x, y in loader:
            total += criterion(model(x), y).item()
        return total / len(loader)  # want: mean-of-batch-means
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    @torch.no_grad()
    def evaluate(model, loader):
        criterion = nn.CrossEntropyLoss()
        model.eval()
        total = 0.0
        for x, y in loader:
            total += criterion(model(x), y).item() * len(y)
        return total / len(loader.dataset)
    ```

    ## When not to use it
    It leaves training logs alone, and loaders that drop the last batch.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    sums: dict[SiteKey, list[Average]] = {}
    for found in (*averages(program), *kept_means(program)):
        if (
            (found.kind, found.by) == (MEAN, BATCHES)
            and found.evaluates
            and is_uneven(found.loader)
        ):
            sums.setdefault(found.gather.site.key, []).append(found)
    for first, *others in sums.values():
        fix = weigh_by_batch(first.gather.site, first.site, first.loader, first.loss)
        context.report(
            first.site,
            f"`{first.site.text}` averages the means of batches: the last, smaller batch counts as "
            "much as a full one, and the evaluation is off by that",
            help="Weigh each batch's mean by its size, and divide by the number of examples.",
            related=[
                (first.gather.site, "the mean of each batch is added here"),
                *((other.site, "the same sum is divided here") for other in others),
            ],
            # each of the divisions would have to be changed
            fix=("Weigh each batch by its size", () if others else fix),
        )
