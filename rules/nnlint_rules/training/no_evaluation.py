from nnlint.questions.training.evaluation import unevaluated_training
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN524",
    level=Level.PEDANTIC,
    recipe="set up the end-to-end skeleton: training and evaluation",
    on=Programs(entry_only=True),
)
def no_evaluation(program: Program, context: Context) -> None:
    """A program trains and never evaluates.

    ## What it does
    Reports a program that steps an optimizer and never runs the model without training it.

    ## Why it hurts training
    The training loss alone can't tell learning from memorising: overfitting, leaks and
    broken augmentation all look like progress.

    ## Example
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        x, y = torch.randn(8, 4), torch.randint(2, (8,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()  # want: no-evaluation
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        x, y = torch.randn(8, 4), torch.randint(2, (8,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print((model(torch.randn(64, 4)).argmax(1) == 0).float().mean())
    ```

    ## When not to use it
    Where another program evaluates what this one saves.

    ## References
    - [A recipe for training neural networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    step = unevaluated_training(program)
    if step is not None:
        context.report(
            step.site,
            f"the program trains with `{step.site.text}` and never evaluates: the training loss "
            "cannot tell learning from memorising",
            help="Evaluate on held-out data after each epoch.",
        )
