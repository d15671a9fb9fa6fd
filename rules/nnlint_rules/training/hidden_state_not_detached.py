from nnlint.questions.training.carrying import carried_states, kept_states
from nnlint.remedies.training import detach_behind
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN517",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def hidden_state_not_detached(program: Program, context: Context) -> None:
    """Recurrent state is carried from batch to batch with its graph.

    ## What it does
    Reports a training pass that takes the hidden state of the batch before it when nothing in
    the loop detaches the state or makes it anew.

    ## Why it hurts training
    Each backward pass goes through all batches since the start: the second one stops with an
    error, or, with `retain_graph=True`, time and memory grow with every batch until the run
    dies, and gradients flow through weights that have changed since.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, optimizer, hidden):
        criterion = nn.CrossEntropyLoss()
        for x, y in loader:
            optimizer.zero_grad()
            scores, hidden = model(x, hidden)  # want: hidden-state-not-detached
            criterion(scores, y).backward(retain_graph=True)
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, loader, optimizer, hidden):
        criterion = nn.CrossEntropyLoss()
        for x, y in loader:
            optimizer.zero_grad()
            scores, hidden = model(x, hidden)
            criterion(scores, y).backward()
            optimizer.step()
            hidden = hidden.detach()
    ```

    ## When not to use it
    When a model detaches the state that it returns, in code that is not in sight.

    ## References
    - [Word language model](https://github.com/pytorch/examples/tree/main/word_language_model)
    """
    if not program.complete:
        return
    for found in carried_states(program):
        names = " and ".join(f"`{name}`" for name in found.names)
        verb = "takes" if len(found.names) == 1 else "take"
        context.report(
            found.forward.site,
            f"{names} {verb} the graph of every batch so far into the next one: "
            f"`{found.backward.site.text}` goes back through all of them, or stops with an error",
            help=f"Detach {names} before the next batch.",
            related=[(found.backward.site, "gradients are computed here")],
            fix=(
                "Detach the state of the batch before",
                detach_behind(found.forward, found.statement, found.names),
            ),
        )
    for kept in kept_states(program):
        context.report(
            kept.statement,
            f"`{kept.name}` keeps the graph of every batch so far on the module: "
            f"`{kept.backward.site.text}` goes back through all of them, or stops with an error",
            help=f"Detach `{kept.name}` where it is kept, or clear it before each sequence.",
            related=[
                (kept.forward.site, "run for each batch here"),
                (kept.backward.site, "gradients are computed here"),
            ],
        )
