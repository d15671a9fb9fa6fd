from nnlint.questions.participants import spoken_name
from nnlint.questions.training.accumulation import leftover_batches
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN529",
    level=Level.ADVICE,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
)
def leftover_accumulation(program: Program, context: Context) -> None:
    """Gradients of an epoch's last batches are carried into the next epoch.

    ## What it does
    Reports a step that is taken for every k-th batch of an epoch, counted anew in each, where
    nothing steps with, or clears, the gradients of the batches that are left over at its end.

    ## Why it hurts training
    Unless the number of batches is a multiple of k, the first step of the next epoch sums up
    more batches than the others, some of them computed with weights of before, and is longer
    by that. After the last epoch they are lost.

    ## Example
    ```python
    import torch
    from torch.nn import functional as F


    def train(model, loader, epochs, every=8):
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
        for epoch in range(epochs):
            for i, (x, y) in enumerate(loader):
                (F.cross_entropy(model(x), y) / every).backward()
                if (i + 1) % every == 0:  # want: leftover-accumulation
                    optimizer.step()
                    optimizer.zero_grad()
    ```

    ## Use instead
    ```python
    import torch
    from torch.nn import functional as F


    def train(model, loader, epochs, every=8):
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
        for epoch in range(epochs):
            for i, (x, y) in enumerate(loader):
                (F.cross_entropy(model(x), y) / every).backward()
                if (i + 1) % every == 0 or i + 1 == len(loader):
                    optimizer.step()
                    optimizer.zero_grad()
    ```

    ## When not to use it
    Where the number of batches is a multiple of k, or so large that one step does not matter.

    ## References
    - [Gradient accumulation](https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation)
    """
    if not program.complete:
        return
    for found in leftover_batches(program):
        name = spoken_name(found.step)
        context.report(
            found.test,
            f"gradients of batches that are left over at the end of an epoch, fewer than "
            f"`{found.count}`, stay: the first step of `{name}` in the next epoch adds them to its own",
            help=f"Step with what is left behind the loop, or clear it: `{name}.zero_grad()`.",
            related=[
                (found.backward.site, "gradients are summed up here"),
                (found.step.site, "and applied here"),
            ],
        )
