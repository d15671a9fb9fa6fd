from nnlint.questions.training.accumulation import forgotten_batches
from nnlint.questions.training.stepping import empty_steps
from nnlint.remedies.training import move
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN504",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def loop_order(program: Program, context: Context) -> None:
    """The optimizer steps before the backward pass, or after its gradients are cleared.

    ## What it does
    Reports an optimizer's step before which, whichever path the program takes, the gradients
    have been cleared and not been computed again: `zero_grad`, `step`, `backward`, or
    `backward`, `zero_grad`, `step`. Reports a clearing of every batch where a step is taken for
    every k-th batch only, or one right before the batch that is stepped with, under the same test:
    the gradients of the others are never applied.

    ## Why it hurts training
    A step without gradients changes nothing. The program runs, the loss is computed and
    logged, and the model stays as it was initialised.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()  # want: loop-order
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    ```

    ## When not to use it
    A loop that steps with the gradients of its last round on purpose is not reported, nor is
    one in which code that can't be seen may compute gradients.

    ## References
    - [Optimizing model parameters](https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html)
    - [Optimizer.zero_grad](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html)
    """
    for found in empty_steps(program):
        if found.backward is None or found.clear is None:
            continue
        step, backward, clear = (e.site for e in (found.step, found.backward, found.clear))
        if found.why == "cleared":
            context.report(
                step,
                f"`{step.text}` changes nothing: `{clear.text}` clears the gradients that "
                f"`{backward.text}` has just computed, before they are applied",
                help=f"Call `{clear.text}` before `{backward.text}`.",
                related=[(backward, "gradients are computed here"), (clear, "and cleared here")],
                fix=("Clear the gradients before the backward pass", move(clear, before=backward)),
            )
        else:
            context.report(
                step,
                f"`{step.text}` changes nothing: the gradients are cleared at that point, and "
                f"`{backward.text}` computes new ones only behind it",
                help=f"Call `{step.text}` after `{backward.text}`.",
                related=[(clear, "gradients are cleared here"), (backward, "and computed here")],
                fix=("Step after the backward pass", move(step, after=backward)),
            )
    for batches in forgotten_batches(program):
        clear, step = batches.clear.site, batches.step.site
        context.report(
            clear,
            f"`{clear.text}` clears the gradients of every batch, and `{step.text}` runs for one "
            f"batch in `{batches.count}` only: what the others have computed is lost"
            if not batches.at_once
            else f"`{clear.text}` clears what `{batches.count}` batches have summed up, right before "
            f"the one that `{step.text}` is taken with: what the others have computed is lost",
            help=f"Clear the gradients behind `{step.text}`, where they have been applied.",
            related=[(batches.backward.site, "gradients are computed here"), (step, "and applied")],
        )
