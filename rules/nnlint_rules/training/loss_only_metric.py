from nnlint.questions.training.evaluation import loss_only_training
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN525",
    level=Level.PEDANTIC,
    recipe="monitor metrics other than loss that are human interpretable",
    on=Programs(entry_only=True),
)
def loss_only_metric(program: Program, context: Context) -> None:
    """Nothing but the loss of a classifier is measured.

    ## What it does
    Reports a program that trains a classifier and computes neither an accuracy nor any
    other metric, also where a trainer of Lightning or Hugging Face trains it.

    ## Why it hurts training
    A loss of 0.31 says little, and it may rise while predictions get better. An accuracy
    can be compared with chance, with a baseline and with a human.

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
        loss = nn.functional.cross_entropy(model(x), y)  # want: loss-only-metric
        loss.backward()
        optimizer.step()
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
        logits = model(x)
        nn.functional.cross_entropy(logits, y).backward()
        optimizer.step()
        print((logits.argmax(1) == y).float().mean())
    ```

    ## When not to use it
    Where another program measures what this one saves.

    ## References
    - [A recipe for training neural networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    loss = loss_only_training(program)
    if loss is not None:
        measures = (
            "measures nothing but the loss" if loss.kind == "fit" else "is all that is measured"
        )
        context.report(
            loss.site,
            f"`{loss.site.text}` {measures}: no metric says how often the classifier is right",
            help="Count the correct predictions, too.",
        )
