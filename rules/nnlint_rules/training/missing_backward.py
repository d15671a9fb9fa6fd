from nnlint.questions.participants import spoken_name
from nnlint.questions.training.stepping import empty_steps
from nnlint.remedies.steps import backward_before_step
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN503",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def missing_backward(program: Program, context: Context) -> None:
    """An optimizer steps, but no backward pass computes its gradients.

    ## What it does
    Reports an optimizer's step behind a forward pass when, whichever path the program takes,
    no backward pass runs between the two: neither in sight, nor in code that can't be seen. The
    fix goes back from the loss, through the gradient scaler where there is one, if the step has
    one loss before it that all others go into.

    ## Why it hurts training
    Without gradients a step changes nothing. The program runs, the loss is computed and
    logged, and the model stays as it was initialised.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            optimizer.step()  # want: missing-backward
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
    It knows closures, gradients that are set by hand and engines that run the backward pass,
    and is silent where it cannot tell.

    ## References
    - [Optimizing model parameters](https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html)
    - [Tensor.backward](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html)
    """
    for found in empty_steps(program):
        if found.why == "missing":
            context.report(
                found.step.site,
                f"`{found.step.site.text}` changes nothing: no backward pass computes gradients "
                f"for `{spoken_name(found.step)}`, so the model never learns",
                help="Call `backward()` on the loss before the step.",
                fix=("Go back from the loss", backward_before_step(program, found)),
            )
