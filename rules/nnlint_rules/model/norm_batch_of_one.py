from nnlint.questions.model.single_examples import norms_of_single_values
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN315",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
)
def norm_batch_of_one(program: Program, context: Context) -> None:
    """A batch norm is given one value for each channel.

    ## What it does
    Reports batch norms on vectors, or on maps of one position, that a training loop reaches with a
    loader whose batch size is 1.

    ## Why it hurts training
    The mean of one value is the value itself, and its deviation 0. PyTorch refuses to take
    statistics of it in training, so that the run ends with an error at the first batch.

    ## Example
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    torch.manual_seed(0)


    def train(dataset):
        model = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 64),
            nn.BatchNorm1d(64),  # want: norm-batch-of-one
            nn.ReLU(),
            nn.Linear(64, 10),
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for x, y in DataLoader(dataset, batch_size=1, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    torch.manual_seed(0)


    def train(dataset):
        model = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 64),
            nn.LayerNorm(64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for x, y in DataLoader(dataset, batch_size=1, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    ```

    ## When not to use it
    Where the batch norm is in eval mode while the rest is trained.

    ## References
    - [torch.nn.BatchNorm1d](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html)
    """
    for found in norms_of_single_values(program):
        context.report(
            found.norm.site,
            f"`{found.norm.site.text}` takes the statistics of one value for each channel, since "
            "batches have one example: PyTorch refuses to in training",
            help="Use larger batches, or a layer or group norm.",
            related=[(found.loader.site, "batches of one example")],
        )
