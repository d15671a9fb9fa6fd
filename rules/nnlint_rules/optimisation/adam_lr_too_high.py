from nnlint.questions.optimisation.rates import high_rates
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN605",
    level=Level.ADVICE,
    recipe="set up the end-to-end skeleton: Adam with a learning rate of 3e-4",
    on=Programs(),
)
def adam_lr_too_high(program: Program, context: Context) -> None:
    """Adam is given a learning rate that is meant for plain gradient descent.

    ## What it does
    Reports Adam and its relatives with a rate of 0.01 or more that is written out, for a network of
    several layers that is trained on batches of data. Linear probes, prompts, embeddings and
    latents, graph networks, problems without batches and rates that a schedule or an option sets
    are not reported.

    ## Why it hurts training
    Adam divides each gradient by its own size, so that in its first steps every weight moves by
    about the learning rate, however small its gradient. Steps of 0.01 and more are as large as
    many weights of a network, and the loss jumps about or stays at that of guessing.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(loader):
        net = nn.Sequential(nn.Linear(50, 64), nn.ReLU(), nn.Linear(64, 3))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)  # want: adam-lr-too-high
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(loader):
        net = nn.Sequential(nn.Linear(50, 64), nn.ReLU(), nn.Linear(64, 3))
        optimizer = torch.optim.Adam(net.parameters(), lr=3e-4)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    ```

    ## When not to use it
    Where a search has found that this rate is best.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    - [Adam: A Method for Stochastic Optimization](https://arxiv.org/abs/1412.6980)
    """
    for found in high_rates(program):
        name = found.optimizer.entry.name.rpartition(".")[2]
        context.report(
            found.site,
            f"in its first steps `{name}` moves every weight by about {found.rate:g}, however small "
            "its gradient: that is as large as many of the weights",
            help="Start with a rate of 3e-4.",
        )
