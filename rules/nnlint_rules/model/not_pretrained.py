from nnlint.questions.model.pretraining import untrained_backbones
from nnlint.remedies.model import with_weights
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN608",
    level=Level.PEDANTIC,
    recipe="regularize: it rarely ever hurts to use a pretrained network",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def not_pretrained(program: Program, context: Context) -> None:
    """A library's backbone is trained from random weights on a few photographs.

    ## What it does
    Reports a model of torchvision or timm that is built without its weights and trained on one of
    the small data sets of photographs: flowers, pets, cars, aircraft, textures, food and the like.
    Programs that load weights, or that say why they begin from scratch, are not reported.

    ## Why it hurts training
    A few thousand photographs are too few to learn edges, textures and parts from. The same
    network with weights from ImageNet starts with these, and ends far better, sooner.

    ## Example
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, models


    def train():
        loader = DataLoader(datasets.Flowers102("data", split="train"), 32, shuffle=True)
        model = models.resnet18()  # want: not-pretrained
        model.fc = nn.Linear(512, 102)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, models


    def train():
        loader = DataLoader(datasets.Flowers102("data", split="train"), 32, shuffle=True)
        model = models.resnet18(weights="DEFAULT")
        model.fc = nn.Linear(512, 102)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    ```

    ## When not to use it
    Where training from scratch is what is studied.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    for found in untrained_backbones(program):
        data = found.data.entry.name.rpartition(".")[2]
        context.report(
            found.model.site,
            f"`{found.model.site.text}` starts from random weights, and `{data}` has too few "
            "photographs to learn to see from",
            help="Build it with pretrained weights and a new head.",
            related=[(found.data.site, "trained on this")],
            fix=("Start from pretrained weights", with_weights(found.model)),
        )
