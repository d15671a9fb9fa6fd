from nnlint.questions.training.discarding import discarded_gradients, never_stepped
from nnlint.remedies.steps import step_after_backward, step_like_the_other
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN502",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def missing_step(program: Program, context: Context) -> None:
    """The gradients of every batch are computed and cleared, but never applied.

    ## What it does
    Reports a backward pass in a loop that clears an optimizer's gradients in each round,
    when nothing in the program steps that optimizer. So is a backward pass through a model
    whose optimizer never steps, while another one does. The fix steps it behind the backward
    pass, and behind what clips the gradients, where that is the loop's only one.

    ## Why it hurts training
    Without a step the weights stay as they were initialised. The program runs, the loss is
    computed and logged, and it does not fall.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()  # want: missing-step
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
    Code that reads the gradients itself (saliency, attacks, importance of weights) is not
    reported, nor is a loop that hands the optimizer to code which can't be seen, or that only
    measures how long random numbers take.

    ## References
    - [Optimizing model parameters](https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html)
    - [Optimizer.step](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.step.html)
    """
    for found in discarded_gradients(program):
        backward, clear = found.backward.site, found.clear.site
        context.report(
            backward,
            f"`{backward.text}` computes gradients that nothing applies: `{clear.text}` throws "
            "them away in every round, and no step comes before",
            help="Call the optimizer's `step()` after the backward pass.",
            related=[(clear, "gradients are cleared here")],
            fix=("Step the optimizer", step_after_backward(program, found)),
        )
    for idle in never_stepped(program):
        backward = idle.backward.site
        context.report(
            backward,
            f"`{backward.text}` computes gradients for `{idle.model}` that nothing applies: the "
            "optimizer that holds it never steps",
            help="Call the `step()` of that optimizer after the backward pass, too.",
            related=[(idle.optimizer.site, "its optimizer is built here")],
            fix=("Step that optimizer, too", step_like_the_other(program, idle)),
        )
