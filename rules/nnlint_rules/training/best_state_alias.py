from nnlint.questions.training.snapshots import aliases, compared_with_themselves, kept_by_objects
from nnlint.rule import Applicability, Context, Level, Programs, changes, reference, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN511",
    level=Level.WARNING,
    recipe="overfit: pick the best model by its validation loss",
    on=Programs(),
    fix=Applicability.SAFE,
)
def best_state_alias(program: Program, context: Context) -> None:
    """The best state is kept without a copy, and goes on training.

    ## What it does
    Reports `best = model.state_dict()` (or `best_model = model`) without a copy, when the
    model is trained on and the state is loaded, saved or returned later.

    ## Why it hurts training
    `state_dict()` returns references to the parameters. Every later step changes the kept
    state too: what is restored at the end is the last epoch, not the best one, and early
    stopping does nothing.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, optimizer, validate, epochs):
        lowest = float("inf")
        best = None
        for _ in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            loss = validate(model)
            if loss < lowest:
                lowest = loss
                best = model.state_dict()  # want: best-state-alias
        model.load_state_dict(best)
    ```

    ## Use instead
    ```python
    import copy

    import torch
    from torch import nn


    def train(model, loader, optimizer, validate, epochs):
        lowest = float("inf")
        best = None
        for _ in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            loss = validate(model)
            if loss < lowest:
                lowest = loss
                best = copy.deepcopy(model.state_dict())
        model.load_state_dict(best)
    ```

    ## When not to use it
    Copies (`deepcopy`, `clone`) and states that are saved to disk at once are left alone.

    ## References
    - [Saving and loading models](https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html)
    """
    for found in (*aliases(program), *compared_with_themselves(program)):
        copying, imported = reference(found.shared, "copy.deepcopy")
        copied = f"{copying}({changes.source_text(found.shared)})"
        context.report(
            found.shared,
            f"`{found.kept.text}` shares its tensors with the model, which trains on: what is "
            "used later is the last state and not the one that was kept",
            help=f"Keep a copy: `{copying}({found.shared.text})`.",
            related=[
                (found.training, "changes it"),
                (found.use, "takes it for the state that was kept"),
            ],
            fix=("Keep a copy", changes.together(imported, changes.replace(found.shared, copied))),
        )
    for same in kept_by_objects(program):
        copying, imported = reference(same.shared, "copy.deepcopy")
        copied = f"{copying}({changes.source_text(same.shared)})"
        context.report(
            same.shared,
            f"`{same.kept.text}` is `{same.shared.text}` itself, and goes on changing with it: the "
            "best model is whatever the last one is",
            help=f"Keep a copy: `{copying}({same.shared.text})`.",
            fix=("Keep a copy", changes.together(imported, changes.replace(same.shared, copied))),
        )
