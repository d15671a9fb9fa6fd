from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.pipelines import random_transforms, transform_name


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
    Reports random transforms of datasets that hold validation or test data: told by
    `train=False`, `split="val"`, the folder or the name they are kept under.

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
    For test-time augmentation whose predictions are averaged.

    ## References
    - [torchvision transforms](https://docs.pytorch.org/vision/stable/transforms.html)
    """
    reported = set()
    for found in random_transforms(program):
        site = found.transform.site
        if found.role != "eval" or site.key in reported:
            continue
        reported.add(site.key)
        context.report(
            site,
            f"`{transform_name(found.transform)}` changes the evaluation data at random: the "
            "score differs from one evaluation of the same model to the next",
            help="Give evaluation data a deterministic pipeline of its own.",
            related=[(found.dataset.site, "the evaluation data")] if found.dataset.site else [],
        )
