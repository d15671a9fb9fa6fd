from nnlint.questions.model.valued import parameters_by_value
from nnlint.questions.training.breaks import Break, graph_breaks
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program

_HOW = {
    "detach": "takes a tensor out of the graph",
    "data": "reads values without their graph",
    "item": "makes a plain number of a tensor",
    "number": "makes a plain number of a tensor",
    "numpy": "makes an array of a tensor",
    "tensor": "copies the values into a new leaf",
    "variable": "copies the values into a new leaf",
    "argmax": "gives positions, which have no gradient",
    "compare": "gives truth values, which have no gradient",
    "rounding": "is flat, and its gradient is zero everywhere",
    "draw": "draws values that have no gradient",
    "no_grad": "is computed while no gradients are recorded",
}


@rule("NN328", level=Level.WARNING, recipe="verify that the training loss goes down", on=Programs())
def graph_break(program: Program, context: Context) -> None:
    """The graph between a loss and the weights that it is meant to train is cut.

    ## What it does
    Reports the place at which gradients are lost (`detach()`, `.data`, `.item()`, `float(x)`,
    `.numpy()`, `torch.tensor(x)`, `Variable(x)`, `argmax`, comparisons, `round`, `no_grad`) when a loss that is
    backpropagated, or one of the terms of its sum, depends on a model by its values alone, when an
    optimizer steps a model that no loss reaches any more, or when a module reads a parameter of its
    own in no other way.

    ## Why it hurts training
    What is computed behind the cut is a constant for the backward pass. A whole loss that is cut
    off trains nothing, though the loop runs, wherever a new leaf asks for gradients of its own.
    A term that is cut off still shows in the logged loss and has no influence on the weights.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, penalty, loader):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            output = model(x)
            sparsity = output.abs().mean().item()  # want: graph-break
            loss = nn.functional.mse_loss(output, y) + 0.1 * sparsity
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, penalty, loader):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            output = model(x)
            sparsity = output.abs().mean()
            loss = nn.functional.mse_loss(output, y) + 0.1 * sparsity
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    ```

    ## When not to use it
    Gradients that are stopped on purpose are none of it: target networks and teachers, a
    discriminator's step on detached samples, straight-through estimators, advantages. It is
    silent where anything on the way cannot be followed.

    ## References
    - [Tensor.detach](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html)
    - [Autograd mechanics](https://docs.pytorch.org/docs/stable/notes/autograd.html)
    """
    for valued in parameters_by_value(program):
        context.report(
            valued.cut.site,
            f"`{valued.cut.site.text}` {_HOW[valued.cut.how]}: `self.{valued.attribute}` is used by "
            "its value alone, and is never trained",
            help="Compute with the parameter itself, or register it as a buffer.",
        )
    for found in graph_breaks(program):
        related = [(found.backward.site, "starts the backward pass")]
        if found.cut.switch is not None:
            related.append((found.cut.switch, "turns gradients off"))
        if found.step is not None:
            related.append((found.step.site, f"steps `{found.model}` without gradients"))
        context.report(
            found.cut.site,
            f"`{found.cut.site.text}` {_HOW[found.cut.how]}: {_effect(found)}",
            help=_HELP.get(found.cut.how, "Compute the loss from the tensor itself."),
            related=related,
        )


_HELP = {
    "argmax": "Compute the loss from the scores themselves: a position cannot be trained.",
    "compare": "Compute the loss from the scores themselves: a hit cannot be trained.",
    "rounding": "Compute the loss from the values before they are rounded.",
    "no_grad": "Compute what is to be trained where gradients are recorded.",
}


def _effect(found: Break) -> str:
    model = f"`{found.model}`" if found.model else "the model"
    if found.kind == "term":
        return "this term of the loss shows in its value and trains nothing"
    if found.kind == "model":
        return f"no gradient reaches {model}, and its weights stay as they are"
    return f"the whole loss is cut off from {model}, which learns nothing"
