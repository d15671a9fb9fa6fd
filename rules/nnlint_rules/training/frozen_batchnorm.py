from nnlint.questions.training.frozen import frozen_in_train_mode
from nnlint.questions.training.frozen_given import frozen_parts_of_given
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN520",
    level=Level.ADVICE,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
)
def frozen_batchnorm(program: Program, context: Context) -> None:
    """A frozen model's batch norm still follows the training data.

    ## What it does
    Reports a model with batch norm all of whose parameters are frozen for the whole run, while
    training runs it in training mode. Where training is only given its model, it reports what puts
    that into training mode, if the one model of the file has a part frozen so.

    ## Why it hurts training
    Freezing stops gradients, not statistics: in training mode each batch still moves the running
    mean and variance, and features are normalised by the batch at hand. The backbone that is
    evaluated and saved is not the one that was loaded.

    ## Example
    ```python
    import torch
    import torchvision
    from torch import nn


    def finetune(loader):
        torch.manual_seed(0)
        backbone = torchvision.models.resnet18(weights="DEFAULT")
        for parameter in backbone.parameters():
            parameter.requires_grad = False  # want: frozen-batchnorm
        backbone.fc = nn.Linear(512, 10)
        optimizer = torch.optim.Adam(backbone.fc.parameters(), lr=1e-3)
        backbone.train()
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(backbone(x), y).backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    import torchvision
    from torch import nn


    def finetune(loader):
        torch.manual_seed(0)
        backbone = torchvision.models.resnet18(weights="DEFAULT")
        for parameter in backbone.parameters():
            parameter.requires_grad = False
        backbone.fc = nn.Linear(512, 10)
        optimizer = torch.optim.Adam(backbone.fc.parameters(), lr=1e-3)
        backbone.eval()
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(backbone(x), y).backward()
            optimizer.step()
    ```

    ## When not to use it
    When the statistics are meant to adapt to the new data.

    ## References
    - [Transfer learning and fine-tuning (Keras)](https://keras.io/guides/transfer_learning/)
    """
    if not program.complete:
        return
    for found in frozen_in_train_mode(program):
        whose = f"`{found.name}`" if found.name else "a model"
        context.report(
            found.freeze.site,
            f"the parameters of {whose} are frozen, but it is run in training mode: every batch "
            "still moves the running statistics of its batch norm",
            help=f"Call `{found.name or 'model'}.eval()` after each `train()` of the whole model.",
            related=[
                (found.forward.site, "runs in training mode"),
                (found.norm, "has batch norm"),
            ],
        )
    for part in frozen_parts_of_given(program, context.programs):
        context.report(
            part.train.site,
            f"`{part.train.site.text}` puts the frozen part of `{part.model}`, the only model here, "
            "into training mode, too: every batch still moves the running statistics of its batch "
            "norm",
            help=f"Override `train` in `{part.model}` so that the frozen part stays in eval mode.",
            related=[(part.freeze.site, "freezes it"), (part.norm, "has batch norm")],
        )
