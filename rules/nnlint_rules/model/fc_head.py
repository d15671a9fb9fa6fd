from nnlint.questions.model.heads import large_heads
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN701",
    level=Level.ADVICE,
    recipe="squeeze out the juice",
    on=Programs(),
)
def fc_head(program: Program, context: Context) -> None:
    """A flattened map feeds a linear layer that holds most weights of a classifier.

    ## What it does
    Reports linear layers behind a flattened convolutional map, of a million weights or more, that
    hold more than half of all weights of a model that is known to classify.

    ## Why it hurts training
    Such a layer learns each position for itself, what the convolutions share over all of them. It
    overfits first, ties the model to one size of pictures, and takes most of its memory. The
    average over positions says of most pictures what is needed to tell their class.

    ## Example
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self, num_classes=10):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
            self.hidden = nn.Linear(64 * 16 * 16, 256)  # want: fc-head
            self.out = nn.Linear(256, num_classes)

        def forward(self, x):
            x = self.features(x).flatten(1)
            return self.out(self.hidden(x).relu())
    ```

    ## Use instead
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self, num_classes=10):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.hidden = nn.Linear(64, 256)
            self.out = nn.Linear(256, num_classes)

        def forward(self, x):
            x = self.pool(self.features(x)).flatten(1)
            return self.out(self.hidden(x).relu())
    ```

    ## When not to use it
    Where it matters at which place something is, and where an architecture is to be followed.

    ## References
    - Lin et al., Network In Network, 2014, [arXiv:1312.4400](https://arxiv.org/abs/1312.4400)
    """
    for found in large_heads(program):
        text = found.layer.site.text
        context.report(
            found.layer.site,
            f"`{text}` holds {found.weights / 1e6:.1f} of the model's {found.whole / 1e6:.1f} million "
            f"weights ({100 * found.weights // found.whole}%): it learns each position of the flattened "
            "map for itself",
            help=f"Average over positions first, and give the layer {found.channels} inputs.",
            related=[(found.convolution.site, "the last convolution before it")],
        )
