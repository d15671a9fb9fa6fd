from nnlint.questions.data.ordering import Misplaced, misplaced_transforms
from nnlint.remedies.pipelines import leave_out, swap
from nnlint.rule import Applicability, Changes, Context, Level, Programs, changes, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Site


@rule(
    "NN204",
    level=Level.ERROR,
    recipe="become one with the data",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def transform_order(program: Program, context: Context) -> None:
    """Transforms in an order in which one gets what it cannot take.

    ## What it does
    Follows what goes through a pipeline: images of PIL, arrays or tensors, from 0 to 255 or
    from 0 to 1. Reports a transform of tensors before the conversion to a tensor, one of PIL
    images or arrays after it, a second conversion, and a normalisation with means between 0
    and 1 of values that a cast has left between 0 and 255. A function of the project is told by the
    methods that it calls on its sample: `image.convert("L")` takes an image.

    ## Why it hurts training
    At best the first sample stops the run, in the middle of an experiment if the pipeline is
    the one for validation. A normalisation of unscaled values raises nothing: inputs are a
    few hundred standard deviations wide, and the model trains on saturated activations.

    ## Example
    ```python
    from torchvision import datasets, transforms

    train_set = datasets.CIFAR10(
        "data",
        transform=transforms.Compose(
            [
                transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),  # want: transform-order
                transforms.ToTensor(),
            ]
        ),
    )
    ```

    ## Use instead
    ```python
    from torchvision import datasets, transforms

    train_set = datasets.CIFAR10(
        "data",
        transform=transforms.Compose(
            [
                transforms.ToTensor(),
                transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            ]
        ),
    )
    ```

    ## When not to use it
    It knows what the transforms of the libraries take; those that take both are never
    reported, and a transform of the project's own ends what is known.

    ## References
    - [torchvision transforms](https://docs.pytorch.org/vision/stable/transforms.html)
    """
    for found in misplaced_transforms(program):
        name, other = (called(b.site) for b in (found.transform, found.other))
        context.report(
            found.transform.site,
            MESSAGES[found.kind].format(name=name, other=other),
            help=HELP[found.kind].format(name=name, other=other),
            related=[(found.other.site, "the conversion")],
            fix=fix_of(found),
        )


def called(site: Site) -> str:
    """What a step is called; all of a function that is written in its place."""
    text = site.text
    return text if "lambda" in text else text.partition("(")[0]


MESSAGES = {
    "early": "`{name}` takes tensors and stands before `{other}`, which makes them: it gets an "
    "image that it cannot normalise or change",
    "late": "`{name}` takes no tensors and stands after `{other}`, which makes them: it cannot "
    "change what it gets",
    "twice": "`{name}` converts what `{other}` has converted to a tensor already",
    "unscaled": "`{name}` subtracts means between 0 and 1 from values that `{other}` leaves between "
    "0 and 255: the model is fed inputs hundreds of standard deviations wide",
}
HELP = {
    "early": "Put `{name}` after `{other}`.",
    "late": "Put `{name}` before `{other}`.",
    "twice": "Leave the second conversion out.",
    "unscaled": "Pass `scale=True` to `{other}`.",
}


def fix_of(found: Misplaced) -> tuple[str, Changes]:
    """The change that puts a transform where it belongs."""
    if found.kind == "twice":
        return "Leave it out", leave_out([(found.transform, found.container)])
    if found.kind == "unscaled":
        return "Scale the values", changes.set_keyword(found.other.site, "scale", "True")
    return "Swap the two", swap(found.transform.site, found.other.site)
