import ast

from nnlint.questions.participants import spoken_name
from nnlint.questions.training.accumulation import Undivided, undivided_losses
from nnlint.rule import Applicability, Changes, Context, Level, Programs, changes, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Site


@rule(
    "NN509",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def accumulation_unscaled(program: Program, context: Context) -> None:
    """Gradients are summed over several batches, and the loss isn't divided by their number.

    ## What it does
    Reports the backward pass of a mean loss in a loop that steps every few batches, when
    neither the loss nor the gradients are divided by the number of batches. It is silent
    about optimizers that rescale their gradients anyway, as Adam does, unless these are
    clipped.

    ## Why it hurts training
    The step is as many times too long as there are batches in it: to accumulate over 8
    batches multiplies the learning rate by 8, and a bound for clipping is met 8 times as soon.

    ## Example
    ```python
    import torch
    from torch.nn import functional as F


    def train(model, loader, every=8):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for i, (x, y) in enumerate(loader):
            loss = F.cross_entropy(model(x), y)
            loss.backward()  # want: accumulation-unscaled
            if (i + 1) % every == 0:
                optimizer.step()
                optimizer.zero_grad()
    ```

    ## Use instead
    ```python
    import torch
    from torch.nn import functional as F


    def train(model, loader, every=8):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for i, (x, y) in enumerate(loader):
            loss = F.cross_entropy(model(x), y)
            (loss / every).backward()
            if (i + 1) % every == 0:
                optimizer.step()
                optimizer.zero_grad()
    ```

    ## When not to use it
    A program whose learning rate was tuned for the sum is right as it is.

    ## References
    - [Gradient accumulation](https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation)
    """
    for found in undivided_losses(program):
        context.report(
            found.backward.site,
            f"`{found.backward.site.text}` adds the mean of one batch to those of others: "
            f"`{spoken_name(found.step)}` steps with a sum of `{found.count}` of them, as many "
            "times too long",
            help=f"Divide the loss by `{found.count}`.",
            related=[(found.step.site, "the step is taken here")],
            fix=(f"Divide the loss by `{found.count}`", _divide(found)),
        )


def _divide(found: Undivided) -> Changes:
    """Divide the loss where its backward pass starts."""
    site = found.backward.site
    func = site.node.func if isinstance(site.node, ast.Call) else None
    loss = func.value if isinstance(func, ast.Attribute) else None
    if isinstance(loss, ast.Call) and len(loss.args) == 1:
        scaled = loss.args[0]
        if isinstance(scaled, ast.Name):
            return changes.replace(Site(site.module, scaled), f"{scaled.id} / {found.count}")
    if isinstance(loss, ast.Name):
        return changes.replace(Site(site.module, loss), f"({loss.id} / {found.count})")
    return None
