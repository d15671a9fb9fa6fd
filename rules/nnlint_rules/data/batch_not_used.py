from nnlint.questions.data.unused_batches import unused_batches
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN217",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
)
def batch_not_used(program: Program, context: Context) -> None:
    """A training loop draws batches and trains on something else.

    ## What it does
    Reports a loop over data that trains a model, uses nothing of its batches but their sizes, and
    gives the model what was there before the loop. A loop that calls its batches `_` only counts
    its steps, and is left alone; so is one that draws or makes what the model is given.

    ## Why it hurts training
    The model sees the same values in every step, those of a cell further up or of the last batch
    of another loop. The loss falls, and what falls is the loss of one batch.

    ## Example
    ```python
    import torch
    from torch import nn


    def fit(net, x, y, loader):
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-4)
        for images, labels in loader:
            optimizer.zero_grad()
            scores = net(x)  # want: batch-not-used
            loss = nn.functional.cross_entropy(scores, y)
            loss.backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def fit(net, loader):
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-4)
        for images, labels in loader:
            optimizer.zero_grad()
            scores = net(images)
            loss = nn.functional.cross_entropy(scores, labels)
            loss.backward()
            optimizer.step()
    ```

    ## When not to use it
    Where all data is one batch and a loader only counts: call what it gives `_`.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    for found in unused_batches(program):
        given = " and ".join(f"`{name}`" for name in found.instead[:2])
        unused = " and ".join(f"`{name}`" for name in found.batch[:2])
        context.report(
            found.call,
            f"`{found.call.text}` is given {given} from before the loop in every round, and nothing "
            f"uses {unused}: the model trains on the same values again and again",
            help=f"Give the model what the loop over `{found.loop.text}` draws.",
            related=[(found.loop, "the batches are drawn here")],
        )
