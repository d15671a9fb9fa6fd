from nnlint.questions.participants import spoken_name
from nnlint.questions.training.recording import recorded_evaluations
from nnlint.remedies.training import without_gradients
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN507",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: evaluate over the entire test set",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def missing_no_grad(program: Program, context: Context) -> None:
    """An evaluation records gradients that nothing uses.

    ## What it does
    Reports a loop over evaluation data, or a pass over all of it at once, that runs a model with
    gradients on, when nothing in it computes any. What is evaluated is told by what happens: a
    score is computed from what comes out, and no backward pass follows.

    ## Why it hurts training
    Every pass keeps the activations of all layers for a backward pass that never comes:
    evaluation takes the memory of training, so batches have to be smaller or the run stops
    for lack of memory in the middle of an epoch, and each batch is slower.

    ## Example
    ```python
    import torch
    from torch import nn


    def evaluate(model, val_loader):
        criterion = nn.CrossEntropyLoss(reduction="sum")
        model.eval()
        total = 0.0
        for x, y in val_loader:
            total += criterion(model(x), y).item()  # want: missing-no-grad
        return total / len(val_loader.dataset)
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    @torch.no_grad()
    def evaluate(model, val_loader):
        criterion = nn.CrossEntropyLoss(reduction="sum")
        model.eval()
        total = 0.0
        for x, y in val_loader:
            total += criterion(model(x), y).item()
        return total / len(val_loader.dataset)
    ```

    ## When not to use it
    When the evaluation needs gradients, as saliency maps and attacks do; it is silent where it
    can tell.

    ## References
    - [torch.no_grad](https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html)
    """
    if not program.complete:
        return
    for found in recorded_evaluations(program):
        name = spoken_name(found.forward)
        called = [(site, "called here, with gradients on") for site in found.forward.callers[-1:]]
        kept = "every batch keeps" if found.in_batches else "the pass keeps"
        context.report(
            found.forward.site,
            f"`{name}` is evaluated with gradients on: {kept} the activations of all "
            "its layers for a backward pass that never comes, and takes the memory of a training "
            "step on it",
            help="Put the evaluation under `torch.no_grad()`.",
            related=[(found.shown, found.told), *called],
            fix=("Evaluate with gradients off", without_gradients(found.part)),
        )
