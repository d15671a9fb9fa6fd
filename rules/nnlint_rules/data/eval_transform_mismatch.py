from nnlint.questions.data.normalising import mismatched_preparations
from nnlint.remedies.pipelines import prepare_alike
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN215",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def eval_transform_mismatch(program: Program, context: Context) -> None:
    """Evaluation data is prepared otherwise than the data that is trained on.

    ## What it does
    Compares what is done to each sample of the training data with what is done to evaluation data
    of the same class. Reports a normalisation that one of them lacks, or that subtracts and divides
    by other numbers, a conversion to grey in one alone, and images that are smaller in evaluation.

    A random crop in training and a resize with a central crop in evaluation are as they should be,
    larger images in evaluation, too. Where a step is not known, nothing is said of what is lacking.

    Both must be inputs of one model: where a loop goes over the evaluation data, it has to hand its
    batches to the model that is trained, in the way in which the training loop does. Data from
    another folder is not compared.

    ## Why it hurts training
    The model is asked about inputs that it has never seen: shifted, scaled, or of another size. The
    score says less than the model can do, and the choice between models goes by how they bear it.

    ## Example
    ```python
    from torchvision import datasets, transforms

    train_set = datasets.CIFAR10(
        "data",
        train=True,
        transform=transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))]
        ),
    )
    test_set = datasets.CIFAR10(
        "data",
        train=False,
        transform=transforms.Compose([transforms.ToTensor()]),  # want: eval-transform-mismatch
    )
    ```

    ## Use instead
    ```python
    from torchvision import datasets, transforms

    prepare = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))]
    )
    train_set = datasets.CIFAR10("data", train=True, transform=prepare)
    test_set = datasets.CIFAR10("data", train=False, transform=prepare)
    ```

    ## When not to use it
    Where evaluation asks how a model bears other inputs. A program that loads weights and trains
    nothing is not asked: they may have been trained on data prepared as it says.

    ## References
    - [torchvision transforms](https://docs.pytorch.org/vision/stable/transforms.html)
    """
    for found in mismatched_preparations(program):
        name = found.train.site.text
        shown = found.eval or found.train
        context.report(
            found.site,
            MESSAGES[found.kind].format(train=name, eval=shown.site.text),
            help="Prepare both alike, but for what is random.",
            related=[(found.train.site, "the training data")],
            fix=("Prepare it as the training data", prepare_alike(found)),
        )


MESSAGES = {
    "lacks": "the evaluation data goes without `{train}`, which the training data goes through: the "
    "model is measured on inputs of another scale than it was trained on",
    "extra": "`{eval}` normalises the evaluation data, and nothing normalises the training data: the "
    "model is measured on inputs of another scale than it was trained on",
    "differs": "`{eval}` normalises the evaluation data by other numbers than the training data is "
    "normalised by: the model is measured on inputs that are shifted or scaled",
    "colours": "`{train}` makes one of training and evaluation data grey, and nothing the other: the "
    "model is measured on other colours than it was trained on",
    "smaller": "`{eval}` makes the images for evaluation smaller than `{train}` makes those that are "
    "trained on: the model is measured on objects of another size",
}
