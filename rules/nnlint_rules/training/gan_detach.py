from nnlint.questions.participants import spoken_name
from nnlint.questions.training.adversaries import intrusions
from nnlint.remedies.training import detach
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN521",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def gan_detach(program: Program, context: Context) -> None:
    """The discriminator's step backpropagates through the generator.

    ## What it does
    Reports the pass of a discriminator or critic over generated samples that are not
    detached, when the step that follows updates the discriminator alone.

    ## Why it hurts training
    The backward pass runs on through the generator. It costs its time and memory again, and
    leaves gradients there that train the generator to help the discriminator, unless they
    are cleared before its own step.

    ## Example
    ```python
    import torch


    def train(G, D, real, opt_g, opt_d, criterion, ones, zeros, z):
        fake = G(z)
        opt_d.zero_grad()
        loss_d = criterion(D(real), ones) + criterion(D(fake), zeros)  # want: gan-detach
        loss_d.backward(retain_graph=True)
        opt_d.step()
        opt_g.zero_grad()
        loss_g = criterion(D(fake), ones)
        loss_g.backward()
        opt_g.step()
        return torch.stack([loss_d, loss_g])
    ```

    ## Use instead
    ```python
    import torch


    def train(G, D, real, opt_g, opt_d, criterion, ones, zeros, z):
        fake = G(z)
        opt_d.zero_grad()
        loss_d = criterion(D(real), ones) + criterion(D(fake.detach()), zeros)
        loss_d.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss_g = criterion(D(fake), ones)
        loss_g.backward()
        opt_g.step()
        return torch.stack([loss_d, loss_g])
    ```

    ## When not to use it
    For games in which one backward pass is meant for both networks.

    ## References
    - [DCGAN tutorial](https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html)
    """
    for found in intrusions(program):
        judge, maker = spoken_name(found.judge), spoken_name(found.maker)
        judged = found.argument.text if found.argument else "the samples"
        related = [(found.backward, "backpropagates through both networks")]
        if found.leaks is not None:
            related.append((found.leaks.site, f"follows these gradients of `{maker}` too"))
            effect = f"its gradients reach the next step of `{maker}`, which they train to lose"
        else:
            effect = f"the backward pass runs through `{maker}` for gradients that nothing uses"
        if found.shared:
            help = (
                f"Judge once more for this step, without the graph: `{judge}({judged}.detach())`."
            )
        elif found.differentiated:
            help = "Detach the samples where they are made: `.detach().requires_grad_()`."
        else:
            help = f"Pass `{judged}.detach()`." if found.argument else "Detach the samples."
        needed = found.shared or found.differentiated
        context.report(
            found.judge.site,
            f"`{judge}` is stepped on `{judged}` without a detach: {effect}",
            help=help,
            related=related,
            fix=("Detach the samples", None if needed else detach(found.argument)),
        )
