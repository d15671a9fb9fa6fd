from nnlint.questions.participants import spoken_name
from nnlint.questions.training.gradients import uncleared_steps
from nnlint.remedies.training import clear_gradients
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN501",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def missing_zero_grad(program: Program, context: Context) -> None:
    """Gradients are never cleared in the training loop.

    ## What it does
    Reports an optimizer's step in a loop with a backward pass, when nothing in the loop
    clears the gradients: not the optimizer, not the model, no helper. A method that trains its
    object's model on one batch counts as a loop: it is called for every batch.

    ## Why it hurts training
    `backward` adds to the gradients. Each step then follows the sum of all batches since
    the start: the loss oscillates or diverges, and no rate is right.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()  # want: missing-zero-grad
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
    ```

    ## When not to use it
    It knows accumulation, helpers and `model.zero_grad`, and is silent where it cannot tell.

    ## References
    - [Optimizer.zero_grad](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html)
    """
    for found in uncleared_steps(program):
        name = spoken_name(found.step)
        more = f"; {found.unasked} more steps of this loop are not looked at" * (found.unasked > 0)
        where = "nothing in the loop" if found.loop.kind == "loop" else "nothing in the program"
        context.report(
            found.step.site,
            f"`{found.step.site.text}` follows the gradients of every batch so far: "
            f"`backward` adds to them, and {where} clears them",
            help=f"Call `{name}.zero_grad()` before the backward pass{more}.",
            related=[(found.backward.site, "gradients are added here")],
            fix=("Clear the gradients of each step", clear_gradients(program, found.step)),
        )
