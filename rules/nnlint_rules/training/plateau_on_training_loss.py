from nnlint.questions.training.monitored import best_models_by_training, plateaus_of_training
from nnlint.questions.training.trainer_calls import monitors_of_training
from nnlint.remedies.monitoring import go_by_validation
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN530",
    level=Level.ADVICE,
    recipe="overfit, then regularise: select by validation loss",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def plateau_on_training_loss(program: Program, context: Context) -> None:
    """A plateau scheduler or the best model goes by the training loss beside an evaluation.

    ## What it does
    Reports `ReduceLROnPlateau.step` with a metric that is computed from the loss whose gradients
    train the model, and the saving of a best model by such a loss, where the same round of the
    loop evaluates on other data. So it does where Lightning is told to monitor the training loss of
    a module that validates, for a plateau, early stopping or checkpoints.

    The fix passes a scheduler the validation loss, where the statements before give it a name.

    ## Why it hurts training
    The training loss goes on falling while the model overfits: the rate stays high when it should
    fall, and the model that is kept is the one that has memorised most.

    ## Example
    ```python
    import torch
    from torch import nn


    def fit(model, loader, val_loader, optimizer, epochs):
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        for _ in range(epochs):
            model.train()
            total = 0.0
            for x, y in loader:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                total += loss.item()
            model.eval()
            with torch.no_grad():
                val = sum(nn.functional.cross_entropy(model(x), y).item() for x, y in val_loader)
            scheduler.step(total / len(loader))  # want: plateau-on-training-loss
            print(val / len(val_loader))
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def fit(model, loader, val_loader, optimizer, epochs):
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        for _ in range(epochs):
            model.train()
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                val = sum(nn.functional.cross_entropy(model(x), y).item() for x, y in val_loader)
            scheduler.step(val / len(val_loader))
    ```

    ## When not to use it
    Where the evaluation is on the training data, or on too few examples to go by.

    ## References
    - [ReduceLROnPlateau](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html)
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    for found in plateaus_of_training(program):
        context.report(
            found.event.site,
            f"`{found.event.site.text}` is told the training loss, which goes on falling while the "
            "model overfits: the rate stays high when the validation loss has stopped",
            help="Pass the validation loss of the same round.",
            related=[
                (found.trained.site, "trains with this loss"),
                (found.evaluated.site, "the same round evaluates here"),
            ],
            fix=("Pass the validation loss", go_by_validation(found)),
        )
    for found in best_models_by_training(program):
        context.report(
            found.event.site,
            f"`{found.event.site.text}` keeps the model with the lowest training loss, which is the "
            "one that has memorised most",
            help="Choose the best model by the validation loss or score of the same round.",
            related=[
                (found.trained.site, "trains with this loss"),
                (found.evaluated.site, "the same round evaluates here"),
            ],
        )
    for monitor in monitors_of_training(program):
        context.report(
            monitor,
            f"{monitor.text} is what the trainer goes by, and it goes on falling while the model "
            "overfits, though the module validates",
            help="Monitor what `validation_step` logs.",
        )
