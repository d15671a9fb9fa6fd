from nnlint.questions.data.pipelines import transform_name
from nnlint.questions.data.shared_transforms import augmented_parts
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN203",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: evaluate over the entire test set",
    on=Programs(),
)
def augmented_split(program: Program, context: Context) -> None:
    """A data set with a random transform is split: the held-out part is augmented, too.

    ## What it does
    Follows the parts into which a program splits a data set, by `random_split`, `Subset` or a
    sampler for each loader. Reports a split of which one part is trained on and another one
    evaluated, if the whole has a transform that changes each example at random.

    Data sets whose transform is replaced, two objects over the same files, and transforms that
    an option turns off stay silent.

    ## Why it hurts training
    A part has no transform of its own: it asks the whole for its examples. The score changes
    from one evaluation of the same model to the next, and is that of harder data than the
    model is meant for; early stopping and the choice among models follow the noise.

    ## Example
    ```python
    import torch
    from torch.utils.data import DataLoader, random_split
    from torchvision import datasets, transforms

    torch.manual_seed(0)
    pipeline = transforms.Compose(  # want: augmentation-early
        [transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    )
    birds = datasets.ImageFolder("birds", pipeline)
    train_set, val_set = random_split(birds, [0.8, 0.2])  # want: augmented-split
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=32)
    ```

    ## Use instead
    ```python
    import torch
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms


    def birds(augment: bool = False):
        steps = [transforms.ToTensor()]
        if augment:
            steps.insert(0, transforms.RandomHorizontalFlip())
        return datasets.ImageFolder("birds", transforms.Compose(steps))


    torch.manual_seed(0)
    order = torch.randperm(len(birds())).tolist()
    cut = int(0.8 * len(order))
    train_set, val_set = Subset(birds(augment=True), order[:cut]), Subset(birds(), order[cut:])
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=32)
    ```

    ## When not to use it
    Where the model is to be judged on augmented data.

    ## References
    - [random_split](https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.random_split)
    """
    for found in augmented_parts(program):
        transform = transform_name(found.transform)
        whole = found.whole.site
        part = f"`{found.name}`" if found.name else "the held-out part"
        context.report(
            found.part,
            f"{part} is a part of a data set whose `{transform}` changes each example at random: "
            "the score differs from one evaluation of the same model to the next",
            help="Build the data set twice, with and without augmentation, and take the parts "
            "by the same indices.",
            related=[(found.transform.transform, "random on every access")]
            + ([(whole, "the whole data set")] if whole else []),
        )
