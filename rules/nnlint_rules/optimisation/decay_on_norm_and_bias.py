from nnlint.questions.optimisation.weight_decay import decays_everything
from nnlint.rule import Builds, Context, Level, rule
from nnlint.semantics.values import Built


@rule(
    "NN609",
    level=Level.PEDANTIC,
    recipe="regularize: weight decay",
    on=Builds(kind="optimizer"),
)
def decay_on_norm_and_bias(built: Built, context: Context) -> None:
    """All parameters of a Transformer are decayed, its norms and biases too.

    ## What it does
    Reports an optimizer with a weight decay of its own that is given all parameters of a model
    with attention in one group. Optimizers with groups, or with parameters that are picked, are not
    reported, nor is `Adam`, whose decay is another matter (`adam-l2`).

    ## Why it hurts training
    Weight decay keeps matrices from growing. The scales of norms and the biases are no matrices:
    pulled to 0, they take the signal along and regularise nothing.

    ## Example
    ```python
    import torch
    from torch import nn


    def build():
        layer = nn.TransformerEncoderLayer(256, 8, batch_first=True)
        model = nn.TransformerEncoder(layer, num_layers=6)
        optimizer = torch.optim.AdamW(  # want: decay-on-norm-and-bias
            model.parameters(), lr=3e-4, weight_decay=0.1
        )
        return model, optimizer
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def build():
        layer = nn.TransformerEncoderLayer(256, 8, batch_first=True)
        model = nn.TransformerEncoder(layer, num_layers=6)
        matrices = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() <= 1]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
        return model, torch.optim.AdamW(groups, lr=3e-4)
    ```

    ## When not to use it
    Where a small decay is kept for the sake of a short program.

    ## References
    - [minGPT, `configure_optimizers`](https://github.com/karpathy/minGPT/blob/master/mingpt/model.py)
    """
    if decays_everything(built) is not None:
        context.report(
            built.site,
            f"`{built.site.text}` decays the scales of norms and the biases of the model along with "
            "its matrices: pulled to 0, they take the signal along",
            help="Give parameters with one axis a group of their own, with `weight_decay=0`.",
        )
