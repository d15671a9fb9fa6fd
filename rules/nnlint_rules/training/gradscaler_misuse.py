from nnlint.questions.training.scaling import backwards_under_autocast, scaler_misuses
from nnlint.remedies.scaling import (
    end_autocast_before,
    step_through_scaler,
    update_after,
)
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN510",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def gradscaler_misuse(program: Program, context: Context) -> None:
    """A gradient scaler scales the loss, but does not step the optimizer or is never updated.

    ## What it does
    Reports an optimizer that is stepped by itself after `scaler.scale(loss).backward()`, and
    `scaler.step(optimizer)` in a loop of a program that never calls `scaler.update()`. As
    advice it reports a backward pass under autocast.

    ## Why it hurts training
    Scaled gradients are longer by the scale, 65536 at the start: plain SGD takes steps as
    much too long. `scaler.step` also leaves out the steps whose gradients have overflowed,
    which are common until `scaler.update` has found a scale that fits; the optimizer by
    itself writes the infinities into the weights.

    Backward operations run in the types that autocast has chosen for the forward ones.
    Under autocast they are cast anew, those of layers left in full precision too.

    ## Example
    ```python
    import torch


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cuda")
        for x, y in loader:
            optimizer.zero_grad()
            with torch.autocast("cuda"):
                loss = criterion(model(x), y)
            scaler.scale(loss).backward()
            optimizer.step()  # want: gradscaler-misuse
            scaler.update()
    ```

    ## Use instead
    ```python
    import torch


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cuda")
        for x, y in loader:
            optimizer.zero_grad()
            with torch.autocast("cuda"):
                loss = criterion(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    ```

    ## When not to use it
    It is silent where the scaler is turned off for good, and where the two are on paths that
    need not belong together.

    ## References
    - [Automatic mixed precision examples](https://docs.pytorch.org/docs/stable/notes/amp_examples.html)
    - [torch.amp.GradScaler](https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling)
    """
    for found in scaler_misuses(program):
        step = found.event.site
        fix = ("Step through the scaler", step_through_scaler(program, found))
        related = [(found.backward.site, "scaled gradients")] if found.backward else []
        match found.why:
            case "scaled":
                message = (
                    f"`{step.text}` applies gradients that are too long by the scale: they come "
                    "from a scaled loss, and only the scaler's own step unscales them"
                )
                help_ = "Step through the scaler: `scaler.step(optimizer)`."
            case "unscaled":
                message = (
                    f"`{step.text}` writes gradients that have overflowed into the weights: only "
                    "the scaler's own step leaves such steps out"
                )
                help_ = "Step through the scaler: `scaler.step(optimizer)`."
            case _:
                message = (
                    f"`{step.text}` is never followed by the scaler's `update()`: the scale stays "
                    "as it is, and the next step is refused"
                )
                help_ = "Call `update()` on the scaler once per round, behind its steps."
                fix = ("Update the scale behind its steps", update_after(program, found))
        context.report(step, message, help=help_, related=related, fix=fix)
    for backward in backwards_under_autocast(program):
        context.report(
            backward.site,
            f"`{backward.site.text}` runs under autocast: operations on the way back are cast "
            "anew, instead of running in the types of their forward ones",
            help="End the `autocast` block before the backward pass.",
            level=Level.ADVICE,
            fix=("End the autocast block first", end_autocast_before(backward)),
        )
