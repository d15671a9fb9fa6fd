from nnlint.questions.training.stale_parameters import uncovered
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program

EFFECTS = {
    "replaced": "`{name}` is put in after the optimizer took the model's parameters: the new "
    "layer is never updated",
    "late": "`{name}` is first built when the model is called, after the optimizer took the "
    "model's parameters: the layer is never updated",
    "part": "of the model in the loss, the optimizer holds `{held}` and no optimizer holds "
    "`{name}`, which stays as it was initialised",
    "other": "the optimizer holds the parameters of another model than `{name}`, which the loss "
    "is computed with: `{name}` is never updated",
    "left out": "`{name}` is trained by the loss and held by no optimizer: it stays as it was "
    "initialised",
}
HELP = {
    "replaced": "Build the optimizer after the model is complete.",
    "late": "Build the layer in `__init__`, or call the model once before the optimizer is built.",
    "part": "Give its parameters to the optimizer too, or freeze it if it is meant to be fixed.",
    "other": "Build the optimizer from the parameters of the model that is trained.",
    "left out": "Give its parameters to the optimizer, or freeze it if it is meant to be fixed.",
}


@rule(
    "NN514",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    probe="dead-parameters",
)
def optimizer_stale_parameters(program: Program, context: Context) -> None:
    """The optimizer does not hold the parameters that are trained.

    ## What it does
    Reports layers that are replaced or added after the optimizer was built, optimizers over
    another model than the one in the loss, and trained models, or parts of one, that no
    optimizer holds. So it does for layers that a model first builds when it is called.

    ## Why it hurts training
    An optimizer keeps the tensors that it was given. What is not among them gets gradients
    and is never updated: a new head stays random while the rest of the model adapts to it.

    ## Example
    ```python
    import torch
    import torchvision
    from torch import nn


    def finetune(loader):
        model = torchvision.models.resnet18(weights="DEFAULT")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        model.fc = nn.Linear(512, 10)  # want: optimizer-stale-parameters
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    import torchvision
    from torch import nn


    def finetune(loader):
        model = torchvision.models.resnet18(weights="DEFAULT")
        model.fc = nn.Linear(512, 10)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    ```

    ## When not to use it
    For networks that are random and fixed on purpose: freeze them.

    ## References
    - [torch.optim](https://docs.pytorch.org/docs/stable/optim.html#constructing-it)
    """
    if not program.complete:
        return
    for found in uncovered(program):
        context.report(
            found.site,
            EFFECTS[found.kind].format(name=found.name, held=found.held),
            help=HELP[found.kind],
            related=[(found.optimizer, "the optimizer takes its parameters here")]
            if found.optimizer != found.site
            else [(found.step, "only those are updated here")],
        )
