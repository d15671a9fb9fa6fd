from nnlint.questions.training.stale_losses import stale_losses
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN419",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: evaluate over the entire test set",
    on=Programs(),
)
def stale_loss_in_evaluation(program: Program, context: Context) -> None:
    """An evaluation adds up a loss that was computed in training.

    ## What it does
    Reports a loop over evaluation data that adds up or collects, for each of its batches, a
    loss that the program has trained on before and does not compute anew in that loop.

    ## Why it hurts training
    What is reported as the evaluation's loss is the last training batch's, again and again: it
    falls as the training loss does, and neither overfitting nor a mistake in the evaluation
    data shows in it. Models are chosen, and training stopped, by it.

    ## Example
    ```python
    import torch
    from torch.nn import functional as F


    def epoch(model, optimizer, train_loader, val_loader):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        total = hits = 0
        with torch.no_grad():
            for x, y in val_loader:
                hits += (model(x).argmax(1) == y).sum().item()
                total += loss.item() * len(y)  # want: stale-loss-in-evaluation
        return total, hits
    ```

    ## Use instead
    ```python
    import torch
    from torch.nn import functional as F


    def epoch(model, optimizer, train_loader, val_loader):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        total = hits = 0
        with torch.no_grad():
            for x, y in val_loader:
                logits = model(x)
                hits += (logits.argmax(1) == y).sum().item()
                total += F.cross_entropy(logits, y).item() * len(y)
        return total, hits
    ```

    ## When not to use it
    It is silent where the loss is computed in the evaluation as well.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    if not program.complete:
        return
    for found in stale_losses(program):
        context.report(
            found.gather.site,
            f"`{found.gather.site.text}` adds up a loss that training has computed, once for each "
            "batch of the evaluation: the number says nothing of the data that is evaluated",
            help="Compute the loss of what the model gives for the batch.",
            related=[
                (found.loss, "computed here, in training"),
                (found.forward.site, "evaluated here"),
            ],
        )
