from collections.abc import Sequence

from nnlint.questions.data.pipelines import (
    RandomTransform,
    random_transforms,
    trains_adversarially,
    transform_name,
)
from nnlint.remedies.pipelines import leave_out
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Site


@rule(
    "NN202",
    level=Level.WARNING,
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

    A transform that an option turns on is reported where training data goes through the same
    pipeline: whoever augments with it augments the evaluation data, too.

    What is drawn alike in every evaluation is not random: from a generator that is made with
    its seed for each pass or sample, behind a seed that each pass sets, once before training.
    One generator for all epochs is, whatever its seed. Nor is a choice among one, or a
    transform whose probability is 0.

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
    transforms = random_transforms(program)
    trained_on = {f.pipeline.key for f in transforms if f.role != "eval"}
    for found in evaluation_pipelines(transforms):
        first = found[0]
        shared = any(f.pipeline.key in trained_on for f in found)
        changes = None if shared else leave_out([f.parts for f in found])
        context.report(
            first.transform,
            f"`{transform_name(first)}` changes the evaluation data at random: the score differs "
            "from one evaluation of the same model to the next",
            help="Give evaluation data a deterministic pipeline of its own.",
            level=None if any(f.told for f in found) else Level.ADVICE,
            related=[
                *([(first.holder, "the evaluation data")] if first.holder else []),
                *[(site, "so does this") for site in others_of(found)],
            ],
            fix=("Leave out what is random", changes),
        )


def others_of(found: Sequence[RandomTransform]) -> list[Site]:
    """Where else the transforms are that a function applies to the same batches."""
    first = found[0]
    sites = {f.transform.key: f.transform for f in found if first.applied_in is not None}
    return [site for key, site in sites.items() if key != first.transform.key]


def evaluation_pipelines(transforms: Sequence[RandomTransform]) -> list[list[RandomTransform]]:
    """The random transforms of evaluation data, pipeline by pipeline; what one function applies to
    batches is one."""
    pipelines: dict[object, list[RandomTransform]] = {}
    transforms = [found for found in transforms if not found.by_parameter]
    # an option that turns augmentation on for training turns it on for all that goes through it
    shared = {id(f.parts[-1]) for f in transforms if f.role == "train"}
    for found in transforms:
        certain = not found.switchable or found.active or id(found.parts[-1]) in shared
        if found.role == "eval" and certain and not found.averaged:
            pipelines.setdefault((found.applied_in or found.pipeline).key, []).append(found)
    return list(pipelines.values())
