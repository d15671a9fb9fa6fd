from nnlint.questions.training.retaining import retained_graphs
from nnlint.rule import Applicability, Context, Level, Programs, changes, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN512",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.SAFE,
)
def retain_graph_in_loop(program: Program, context: Context) -> None:
    """The graph of every batch is kept, and nothing goes through it again.

    ## What it does
    Reports `retain_graph=True` in the only backward pass of a loop that builds a new graph
    in each round, from nothing of an earlier round. The fix takes the argument out.

    ## Why it hurts training
    The activations of a batch stay in memory while those of the next one are computed: the
    largest batch that fits is half as large. It also hides the error that PyTorch raises
    once a graph of an earlier round is used by mistake.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward(retain_graph=True)  # want: retain-graph-in-loop
            optimizer.step()
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
    Several losses over one graph, states carried over from earlier rounds and gradients of
    gradients need the graph, and are not reported.

    ## References
    - [Tensor.backward](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html)
    """
    for found in retained_graphs(program):
        backward = found.backward.site
        context.report(
            backward,
            f"`{backward.text}` keeps the activations of each round while those of "
            "the next are computed, and nothing goes through that graph again",
            help="Leave `retain_graph=True` out.",
            fix=("Let the graph go", changes.remove_keyword(backward, "retain_graph")),
        )
