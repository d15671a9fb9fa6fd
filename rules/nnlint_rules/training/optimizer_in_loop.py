from nnlint.questions.training.rebuilding import rebuilt_in_loops
from nnlint.remedies.hoisting import build_before_loops
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN513",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def optimizer_in_loop(program: Program, context: Context) -> None:
    """The optimizer or scheduler is built anew in every epoch or batch.

    ## What it does
    Reports an optimizer with state (momentum, Adam's moments), or a scheduler, that every round
    of the epoch or batch loop builds again for the model that goes on training. The fix builds it
    before the loops of the training, where every round gives it the same.

    ## Why it hurts training
    What the optimizer has learned about the gradients is thrown away each time: momentum and
    second moments start from zero, Adam's first steps after it are of full size whatever the
    gradient, and a scheduler starts its schedule over and never gets past its beginning.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, epochs):
        criterion = nn.CrossEntropyLoss()
        for epoch in range(epochs):
            optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)  # want: optimizer-in-loop
            for x, y in loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, loader, epochs):
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
    ```

    ## When not to use it
    When each round is meant as a warm restart, without the momentum of the last one.

    ## References
    - [torch.optim](https://docs.pytorch.org/docs/stable/optim.html#constructing-it)
    """
    for found in rebuilt_in_loops(program):
        name = found.built.entry.name.rpartition(".")[2]
        lost = (
            "its momentum and moments start from zero each time"
            if found.built.entry.kind == "optimizer"
            else "its schedule starts over each time and never gets further"
        )
        related = [(found.step.site, "stepped here")]
        context.report(
            found.built.site,
            f"every {found.unit} builds a new `{name}` for the same model: {lost}",
            help=f"Build it once, before the loop over the {found.unit}{'es' if found.unit == 'batch' else 's'}"
            + ("." if found.unit == "epoch" else " and epochs."),
            related=related,
            fix=("Build it before the loop", build_before_loops(program, found)),
        )
