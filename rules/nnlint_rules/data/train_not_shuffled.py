from nnlint.questions.data.loaders import called
from nnlint.questions.data.unshuffled import unshuffled_loaders
from nnlint.remedies.loaders import shuffle
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN205",
    level=Level.WARNING,
    recipe="become one with the data",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def train_not_shuffled(program: Program, context: Context) -> None:
    """A model is trained on its examples in the order in which they are stored.

    ## What it does
    Looks at the loader that a training loop goes over, the one in which the optimizer steps, and
    at those that trainers are given. Reports one over a data set of numbered examples that has
    neither `shuffle=True` nor a sampler.

    Data whose order is a part of it stays silent: windows of a series, streams, state that is
    carried from batch to batch. So do data that are drawn at random or shuffled by hand, one
    batch of everything, and what is not known.

    ## Why it hurts training
    Data are mostly stored class by class, source by source or day by day. Then the batches are
    one-sided, each pulls the weights towards what it holds, and batch norm's statistics follow.
    Even where the stored order means nothing, every epoch repeats the same batches, so the noise
    of one gradient is never averaged out by another grouping.

    ## Example
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    torch.manual_seed(0)
    train_set = datasets.ImageFolder("birds/train", transforms.ToTensor())
    train_loader = DataLoader(train_set, batch_size=64)  # want: train-not-shuffled
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for epoch in range(10):
        for images, labels in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    torch.manual_seed(0)
    train_set = datasets.ImageFolder("birds/train", transforms.ToTensor())
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for epoch in range(10):
        for images, labels in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
    ```

    ## When not to use it
    Where the order is meant: a curriculum, or examples that are sorted by length.

    ## References
    - [DataLoader](https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader)
    """
    for found in unshuffled_loaders(program):
        loader = found.loader
        around = found.batches.site if found.batches else None
        context.report(
            loader.site,
            f"`{called(loader)}` does not shuffle: every epoch trains on the same batches in "
            "the same order",
            help="Pass `shuffle=True`, or a sampler.",
            related=[(around, "trains on it")] if around else [],
            fix=("Shuffle", shuffle(program, loader)),
        )
