from nnlint.questions.data.pipelines import random_transforms, transform_name
from nnlint.rule import Context, Level, Programs, Stage, rule
from nnlint.semantics.analysis import Program

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
    Follows one sample of each training dataset through its transforms: those of torchvision,
    albumentations, kornia, timm and torchaudio, classes and functions of the project, and
    flips and crops written by hand; and batches through transforms in the training loop.
    Reports a pipeline in which something is random that no condition, parameter or
    configuration value can turn off. With `stage = "skeleton"` or `"overfit"`, augmentation
    that is on by default is reported too.

    A branch that tells training from evaluation, or one dataset from another, turns nothing
    off. Views of one sample that are compared with each other (contrastive learning,
    self-distillation, consistency) are the task, not augmentation of it; so is a draw that the
    model learns to tell. Patches of volumes that are too large for a batch, and pictures that
    the program draws itself, are the data. A program that also trains on the same data
    without augmentation is not reported.

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
        if found.role == "eval" or found.averaged or found.pipeline.key in reported:
            continue
        if found.makes_patches or found.also_plain or not (found.role or program.trains):
            continue
        if found.switchable and not (context.stage in EARLY and found.active):
            continue
        reported.add(found.pipeline.key)
        name = transform_name(found)
        chance = "an option" if found.switchable else "nothing"
        context.report(
            found.pipeline,
            f"`{name}` changes the training data at random from the first run on, and {chance} can "
            "turn it off: whether the model fits the plain data stays unknown",
            help="Build the pipeline without it unless an option asks for augmentation.",
            related=[(found.transform, "random on every access")],
        )
