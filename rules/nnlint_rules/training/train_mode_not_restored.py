from nnlint.questions.participants import spoken_name
from nnlint.questions.training.restoring import modes_set_for_training, unrestored_modes
from nnlint.remedies.training import train_in_train_mode
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN506",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: evaluate over the entire test set",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def train_mode_not_restored(program: Program, context: Context) -> None:
    """A model goes on training in eval mode after its first evaluation.

    ## What it does
    Reports `model.eval()` in an epoch or batch loop that goes on training the model, when
    nothing sets training mode before the next training pass. `model.train()` before the loop
    holds for the first epoch only. Also a training pass that each round of its loop puts into eval
    mode, with `model.train()` only behind it. Where it is not known which layers the model has, this is a
    warning.

    ## Why it hurts training
    From the first evaluation on, dropout drops nothing and batch norm normalises with
    statistics that no longer move: the model overfits, or trains with the statistics of its
    first epoch, and nothing says so.

    ## Example
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()


    def run(train_loader, val_loader):
        model.train()
        for epoch in range(10):
            for x, y in train_loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
            model.eval()  # want: train-mode-not-restored
            with torch.no_grad():
                for x, y in val_loader:
                    print(criterion(model(x), y))
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()


    def run(train_loader, val_loader):
        for epoch in range(10):
            model.train()
            for x, y in train_loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                for x, y in val_loader:
                    print(criterion(model(x), y))
    ```

    ## When not to use it
    When the later epochs are meant to train with dropout off and statistics fixed.

    ## References
    - [Module.train](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.train)
    """
    if not program.complete:
        return
    for found in unrestored_modes(program):
        name = spoken_name(found.set)
        layer = f"`{found.layer.text}`" if found.layer else "any dropout and batch norm"
        related = [(found.layer, "behaves differently in training")] if found.layer else []
        context.report(
            found.set.site,
            f"after `{found.set.site.text}` nothing puts `{name}` back into training mode: "
            f"from the next round of the loop on it trains with {layer} in eval mode",
            # without such a layer in sight it is likely, not known
            level=None if found.layer else Level.WARNING,
            help=f"Call `{name}.train()` at the start of every epoch, before the training pass.",
            related=[(found.forward.site, "trains in eval mode from then on"), *related],
            fix=(
                "Go back to training mode before each epoch's training",
                train_in_train_mode(program, found.set, found.forward),
            ),
        )
    for around in modes_set_for_training(program):
        name = spoken_name(around.set)
        context.report(
            around.loss.site,
            f"`{around.set.site.text}` puts `{name}` into eval mode for the pass that trains it, and "
            f"`{around.back.site.text}` only comes behind that pass: it trains with "
            f"`{around.layer.text}` in eval mode",
            help=f"Call `{name}.train()` before the training pass, and leave out the `eval()`.",
            related=[
                (around.set.site, "eval mode is set here"),
                (around.forward.site, "trains in eval mode"),
                (around.layer, "behaves differently in training"),
            ],
        )
