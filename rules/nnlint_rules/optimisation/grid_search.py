from nnlint.questions.optimisation.searches import grids
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN607",
    level=Level.ADVICE,
    recipe="tune: random over grid search",
    on=Programs(),
)
def grid_search(program: Program, context: Context) -> None:
    """Hyper-parameters are searched over a grid.

    ## What it does
    Reports searches that try all combinations of the values of at least two hyper-parameters:
    nested loops or `itertools.product` around a training, `ParameterGrid`, `GridSearchCV`,
    `tune.grid_search`, Optuna's `GridSampler` and sweeps of Weights & Biases whose method is
    `grid`, also where a YAML file beside the program says so, as for Hydra's `MULTIRUN`. Loops over seeds, folds, data sets or models are none, nor is a search over one
    hyper-parameter.

    ## Why it hurts training
    A network is often much more sensitive to some hyper-parameters than to others. Nine runs on
    a grid of three by three try the one that matters at three values only; nine random draws try
    it at nine.

    ## Example
    ```python
    import torch
    from torch import nn


    def search(loader, score):
        best = None
        for lr in (1e-1, 1e-2, 1e-3):  # want: grid-search
            for hidden in (32, 64, 128):
                net = nn.Sequential(nn.Linear(9, hidden), nn.ReLU(), nn.Linear(hidden, 2))
                optimizer = torch.optim.SGD(net.parameters(), lr=lr)
                for x, y in loader:
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(net(x), y).backward()
                    optimizer.step()
                best = max(best or (0, lr, hidden), (score(net), lr, hidden))
        return best
    ```

    ## Use instead
    ```python
    import random

    import torch
    from torch import nn


    def search(loader, score, runs=9):
        best = None
        for _ in range(runs):
            lr, hidden = 10 ** random.uniform(-4, -1), random.randint(32, 256)
            net = nn.Sequential(nn.Linear(9, hidden), nn.ReLU(), nn.Linear(hidden, 2))
            optimizer = torch.optim.SGD(net.parameters(), lr=lr)
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x), y).backward()
                optimizer.step()
            best = max(best or (0, lr, hidden), (score(net), lr, hidden))
        return best
    ```

    ## When not to use it
    Where each combination is wanted for its own sake, as in a table of an ablation.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    - [Random Search for Hyper-Parameter Optimization](https://jmlr.org/papers/v13/bergstra12a.html)
    """
    for grid in grids(program):
        most = max(grid.axes, key=lambda axis: axis.count)
        by = " x ".join(str(axis.count) for axis in grid.axes)
        context.report(
            grid.site,
            f"a grid of {by} tries `{most.name}` at {most.count} values only, however many runs it "
            "takes",
            help="Draw the values of each run at random: so many runs then try as many values of "
            "each hyper-parameter.",
            related=[] if grid.told is None else [(grid.told, "the grid")],
        )
