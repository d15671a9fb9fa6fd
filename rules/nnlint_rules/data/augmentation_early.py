from nnlint.rule import Context, Level, Programs, Stage, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.pipelines import random_transforms, transform_name

EARLY = (Stage.SKELETON, Stage.OVERFIT)
LATE = (Stage.REGULARIZE, Stage.TUNE, Stage.SQUEEZE)


@rule(
    "NN201",
    level=Level.ADVICE,
    recipe="set up the end-to-end skeleton: simplify",
    on=Programs(),
    stages=EARLY,
)
def augmentation_early(program: Program, context: Context) -> None:
    """Random augmentation that nothing can turn off.

    ## What it does
    Looks at the transforms of training datasets for random ones that no condition,
    parameter or configuration value switches. With `stage = "skeleton"` or `"overfit"`,
    switchable augmentation is reported too.

    ## Why it hurts training
    Augmentation is a regularisation. While the skeleton is being checked and one batch
    overfitted, it hides whether the model can fit the data at all, and adds one more place
    for bugs.

    ## Example
    ```python
    from torchvision import datasets, transforms

    train_set = datasets.CIFAR10(
        "data",
        train=True,
        transform=transforms.Compose(  # want: augmentation-early
            [transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        ),
    )
    ```

    ## Use instead
    ```python
    from torchvision import datasets, transforms


    def training_set(augment: bool = False):
        steps = [transforms.ToTensor()]
        if augment:
            steps.insert(0, transforms.RandomHorizontalFlip())
        return datasets.CIFAR10("data", train=True, transform=transforms.Compose(steps))
    ```

    ## When not to use it
    Once the model overfits the training set and regularisation is what comes next: set
    `stage = "regularize"`.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    if context.stage in LATE:
        return
    reported = set()
    for found in random_transforms(program):
        if found.role == "eval" or found.pipeline.key in reported:
            continue
        if found.switchable and context.stage not in EARLY:
            continue
        reported.add(found.pipeline.key)
        name = transform_name(found.transform)
        context.report(
            found.pipeline,
            f"`{name}` augments the training data from the first run on, and nothing can "
            "turn it off: whether the model fits the plain data stays unknown",
            help="Build the pipeline without it unless an option asks for augmentation.",
            related=[(found.transform.site, "random on every access")],
        )
