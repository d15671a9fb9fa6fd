from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.pipelines import random_transforms, trains_adversarially, transform_name


@rule(
    "NN202",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: evaluate over the entire test set",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def augmentation_in_eval(program: Program, context: Context) -> None:
    """A random transform in the pipeline of evaluation data.

    ## What it does
    Reports pipelines with a random transform in datasets that hold validation or test data:
    told by `train=False` or `split="val"`, by the loop without gradients or the trainer that
    goes over them, by the branch they stand in, by their folder, and by the names that the
    program gives to them.

    ## Why it hurts training
    The score changes from one evaluation to the next and is worse than the model: early
    stopping and model selection follow the noise.

    ## Example
    ```python
    from torchvision import datasets, transforms

    test_set = datasets.CIFAR10(
        "data",
        train=False,
        transform=transforms.Compose(
            [transforms.RandomHorizontalFlip(), transforms.ToTensor()]  # want: augmentation-in-eval
        ),
    )
    ```

    ## Use instead
    ```python
    from torchvision import datasets, transforms

    test_set = datasets.CIFAR10("data", train=False, transform=transforms.ToTensor())
    ```

    ## When not to use it
    For test-time augmentation whose predictions are averaged. Passes that are repeated
    without training between them are taken for that, and so is what is called so.

    ## References
    - [torchvision transforms](https://docs.pytorch.org/vision/stable/transforms.html)
    """
    if trains_adversarially(program):
        return
    reported = set()
    for found in random_transforms(program):
        if found.role != "eval" or found.averaged or found.pipeline.key in reported:
            continue
        if found.switchable and not found.active:
            continue
        reported.add(found.pipeline.key)
        context.report(
            found.transform,
            f"`{transform_name(found)}` changes the evaluation data at random: the "
            "score differs from one evaluation of the same model to the next",
            help="Give evaluation data a deterministic pipeline of its own.",
            related=[(found.holder, "the evaluation data")] if found.holder else [],
        )
