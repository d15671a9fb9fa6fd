from nnlint.questions.training.graphs import kept_graphs
from nnlint.remedies.loss import detach_added
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN410",
    level=Level.WARNING,
    recipe="overfit one batch",
    on=Programs(),
    fix=Applicability.SAFE,
)
def loss_keeps_graph(program: Program, context: Context) -> None:
    """A loss is summed up or collected together with its autograd graph.

    ## What it does
    Reports a loss that is backpropagated in a loop and also added, as the tensor it is, to a
    sum or list that outlives the loop's rounds.

    ## Why it hurts training
    The sum hangs on the graph of every batch so far. The backward pass frees the activations,
    but none of the graphs' nodes: memory grows with each iteration, and freeing it is slow.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion, optimizer):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss  # want: loss-keeps-graph
        return total / len(loader)
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion, optimizer):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return total / len(loader)
    ```

    ## When not to use it
    It is silent where the sum itself is backpropagated.

    ## References
    - [Out of memory](https://docs.pytorch.org/docs/stable/notes/faq.html#my-model-reports-cuda-runtime-error-2-out-of-memory)
    """
    for found in kept_graphs(program):
        context.report(
            found.site,
            f"`{found.site.text}` keeps the graph that led to each loss: memory grows with every "
            "iteration of the loop",
            help="Add `.item()`, or `.detach()` to keep a tensor.",
            related=[(found.backward.site, "nothing needs the graph after this")],
            fix=("Detach the loss", detach_added(found.site, found.backward.site)),
        )
