from nnlint.questions.data.loaders import called
from nnlint.questions.loss import added, divisors
from nnlint.questions.loss.scores import Average, averages, is_uneven, maxima_over_batch
from nnlint.questions.loss.whole_divisors import whole_divisors
from nnlint.remedies.loss import divide_by_examples, divide_by_sampled
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN412",
    level=Level.ERROR,
    recipe="monitor metrics that are human interpretable",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def metric_over_batch(program: Program, context: Context) -> None:
    """An accuracy taken over the wrong axis, or divided by the number of something else.

    ## What it does
    Reports predictions that are the largest over axis 0, the examples of the batch, where they
    are compared with the labels; a number of right examples divided by the number of batches;
    what the last batch has left, divided as if it was the sum of all; and a sum over a loader that
    sees a part of its data set, as under a `SubsetRandomSampler`, divided by the size of all of it.

    ## Why it hurts training
    The accuracy is no accuracy: over the wrong axis it compares numbers of examples with
    classes, and over the number of batches it is too high by the batch size. Models are
    chosen, and training stopped, by a wrong number.

    ## Example
    ```python
    import torch


    @torch.no_grad()
    def accuracy(model, loader):
        model.eval()
        correct = 0
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
        return correct / len(loader)  # want: metric-over-batch
    ```

    ## Use instead
    ```python
    import torch


    @torch.no_grad()
    def accuracy(model, loader):
        model.eval()
        correct = 0
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
        return correct / len(loader.dataset)
    ```

    ## When not to use it
    It is silent where batches have one example, and where one example is taken out first.

    ## References
    - [argmax](https://docs.pytorch.org/docs/stable/generated/torch.argmax.html)
    """
    for found in averages(program):
        told = told_wrong(found)
        if told is None:
            continue
        wrong, help, gathered = told
        counted = (found.kind, found.by) == (added.COUNT, divisors.BATCHES)
        countable = counted and found.is_of_examples
        context.report(
            found.site,
            f"`{found.site.text}` {wrong}",
            help=help,
            related=[(found.gather.site, gathered)],
            fix=(
                "Divide by the number of examples",
                divide_by_examples(found.site, found.loader) if countable else None,
            ),
        )
    for largest, comparison in maxima_over_batch(program):
        context.report(
            largest.site,
            f"`{largest.site.text}` takes the largest over the examples of the batch: what is compared "
            "with the labels are no predictions, and the accuracy means nothing",
            help="Take it over the classes, `dim=1`.",
            related=[(comparison.site, "compared with the labels here")],
        )
    for divisor in whole_divisors(program):
        name = called(divisor.loader)
        context.report(
            divisor.site,
            f"`{divisor.site.text}` divides by all of `{divisor.divisor.text}`, of which `{name}` sees a "
            "part: what comes out is too small by the share that it sees",
            help="Divide by the number of examples that were seen, such as the length of the sampler "
            "or of the part.",
            related=[(divisor.loop, "the sum is over this part alone")],
            fix=(
                "Divide by the number of examples that the sampler gives",
                divide_by_sampled(divisor.divisor) if divisor.has_sampler else None,
            ),
        )


def told_wrong(found: Average) -> tuple[str, str, str] | None:
    """What is wrong with an average, what helps, and what is added up; None where nothing is."""
    examples = "Divide by the number of examples, such as `len(loader.dataset)`."
    weigh = "Weigh each batch's mean by its own number of examples, such as `len(y)`."
    match found.kind, found.by:
        case _, divisors.LAST:
            wrong = "divides what the last batch has left, and no sum: the others count for nothing"
            return wrong, "Add up what each batch gives.", "each batch replaces this"
        case added.COUNT, divisors.BATCHES:
            wrong = "divides a number of examples by the number of batches: the accuracy comes out"
            return f"{wrong} too high by the batch size", examples, "examples are counted here"
        case added.COUNT, divisors.FULL_BUT_LAST:
            wrong = (
                "divides by the examples of all batches but the last: its index counts from 0, and"
            )
            return f"{wrong} the accuracy comes out too high", examples, "examples are counted here"
        case added.MEAN, divisors.EXAMPLES if found.is_known_mean:
            wrong = (
                "divides a sum of the batches' means by the number of examples: it comes out too"
            )
            return f"{wrong} low by the batch size", weigh, "the mean of each batch is added here"
        case added.SCALED, divisors.EXAMPLES if is_uneven(found.loader) and found.is_known_mean:
            wrong = (
                "counts the last, smaller batch as a full one: each mean is multiplied by the size"
            )
            wrong += " of a full batch, and the sum divided by the number of examples"
            return wrong, weigh, "the mean of each batch is multiplied here"
        case added.MEAN, divisors.BUT_LAST if found.evaluates and found.is_known_mean:
            wrong = (
                "divides by the index of the last batch, one less than there are batches: it comes"
            )
            return f"{wrong} out too high", "Add one to it.", "the mean of each batch is added here"
        case _:
            return None
