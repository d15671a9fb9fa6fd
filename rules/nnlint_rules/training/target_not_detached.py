from nnlint.questions.participants import spoken_name
from nnlint.questions.training.targets import trained_targets
from nnlint.remedies.training import detach
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN527",
    level=Level.WARNING,
    recipe="become one with the loss: train towards fixed targets",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def target_not_detached(program: Program, context: Context) -> None:
    """A bootstrapped or taught target is computed with gradients.

    ## What it does
    Reports a loss whose target is a reward plus a discounted value of a network, or the
    output of a teacher, when gradients are recorded on the way to it. Where no optimizer
    holds the network that makes the target, it is advice.

    ## Why it hurts training
    The loss falls by moving the target towards the prediction as well as the prediction
    towards the target. Q-values chase themselves and drift or diverge; a teacher follows
    its student. Where no optimizer holds the network, backpropagating through it costs
    time and memory for nothing.

    ## Example
    ```python
    import torch.nn.functional as F


    def learn(q, optimizer, batch, gamma):
        state, action, reward, following, done = batch
        value = q(state).gather(1, action).squeeze(1)
        target = reward + gamma * q(following).amax(1) * (1 - done)  # want: target-not-detached
        loss = F.smooth_l1_loss(value, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    import torch.nn.functional as F


    def learn(q, optimizer, batch, gamma):
        state, action, reward, following, done = batch
        value = q(state).gather(1, action).squeeze(1)
        with torch.no_grad():
            target = reward + gamma * q(following).amax(1) * (1 - done)
        loss = F.smooth_l1_loss(value, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ```

    ## When not to use it
    For residual-gradient algorithms, which train through the target on purpose.

    ## References
    - [Human-level control through deep reinforcement learning](https://www.nature.com/articles/nature14236)
    """
    for found in trained_targets(program):
        name = spoken_name(found.forward)
        kind = "bootstrapped target" if found.bootstrapped else "teacher's output"
        if found.is_trained:
            effect = "the loss moves its own target, and training chases it or diverges"
        else:
            effect = (
                f"the backward pass runs through `{name}` and leaves gradients in it, "
                "which no step uses"
            )
        context.report(
            found.forward.site,
            f"`{found.forward.site.text}` makes a {kind} with gradients: {effect}",
            help="Compute it under `torch.no_grad()`, or detach it.",
            related=[(found.loss, "backpropagates through the target")],
            fix=("Detach the target", detach(found.target)),
            level=None if found.is_trained else Level.ADVICE,
        )
