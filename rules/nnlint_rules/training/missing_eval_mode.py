from nnlint.questions.participants import spoken_name
from nnlint.questions.training.modes import train_mode_evaluations
from nnlint.remedies.training import evaluate_in_eval_mode
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN505",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: evaluate over the entire test set",
    on=Programs(),
    fix=Applicability.UNSAFE,
    probe="eval-determinism",
)
def missing_eval_mode(program: Program, context: Context) -> None:
    """A model is evaluated in training mode.

    ## What it does
    Reports an evaluation pass (gradients off, in a loop) of a model with dropout or batch
    norm that the same program trains and never puts into eval mode. Where it is not known which
    layers the model has, this is a warning.

    ## Why it hurts training
    Dropout goes on dropping and batch norm goes on using, and updating, batch statistics:
    the score is worse than the model and depends on the batch size, and evaluation data
    leaks into the running statistics.

    ## Example
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()


    def run(train_loader, test_loader):
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        with torch.no_grad():
            for x, y in test_loader:
                print(criterion(model(x), y))  # want: missing-eval-mode
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()


    def run(train_loader, test_loader):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, y in test_loader:
                print(criterion(model(x), y))
    ```

    ## When not to use it
    For Monte-Carlo dropout, where the noise is the point. A teacher that is put into training mode
    beside what it teaches is left alone.

    ## References
    - [Module.eval](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval)
    """
    if not program.complete:
        return
    for evaluated in train_mode_evaluations(program):
        first = evaluated[0]
        forwards = [found.forward for found in evaluated]
        trained = any(found.trained for found in evaluated)
        names = list(dict.fromkeys(spoken_name(forward) for forward in forwards))
        both = " and ".join(f"`{name}`" for name in names)
        verb = "are" if len(names) > 1 else "is"
        layer = f"`{first.layer.text}`" if first.layer else "any dropout or batch norm in it"
        related = [(first.layer, "behaves differently in training")] if first.layer else []
        if first.trained is not None:
            related.append((first.trained, "trained here, in the same mode"))
        help = f"Call `{names[0]}.eval()` before evaluating, and `{names[0]}.train()` after."
        fix = ("Evaluate in eval mode", evaluate_in_eval_mode(program, forwards, trained))
        if first.undone is not None:
            related.append((first.undone, "the evaluation leaves eval mode here"))
            help = f"Leave out `{first.undone.text}`, or call it after the evaluation."
        context.report(
            first.forward.site,
            f"{both} {verb} evaluated in training mode, in which {layer} behaves differently: "
            "the score is not the model's",
            # without such a layer in sight it is likely, not known
            level=None if first.layer else Level.WARNING,
            help=help,
            related=related,
            fix=fix if first.undone is None else None,
        )
