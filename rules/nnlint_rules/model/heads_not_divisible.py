from nnlint.questions.model.attention_heads import uneven_heads
from nnlint.rule import Builds, Context, Level, rule
from nnlint.semantics.values import Built


@rule(
    "NN332",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Builds(kind="layer", family=("attention", "transformer")),
)
def heads_not_divisible(built: Built, context: Context) -> None:
    """The width of attention is no multiple of the number of its heads.

    ## What it does
    Reports `nn.MultiheadAttention`, `nn.Transformer` and its layers that are built with a width
    and a number of heads, both known, of which the second does not divide the first.

    ## Why it hurts training
    Each head gets an equal share of the features. Where these cannot be shared out, PyTorch
    refuses to build the layer.

    ## Example
    ```python
    from torch import nn

    layer = nn.TransformerEncoderLayer(d_model=100, nhead=8)  # want: heads-not-divisible
    ```

    ## Use instead
    ```python
    from torch import nn

    layer = nn.TransformerEncoderLayer(d_model=96, nhead=8)
    ```

    ## When not to use it
    It is silent where one of the numbers is only a default that can be set otherwise.

    ## References
    - [MultiheadAttention](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html)
    """
    found = uneven_heads(built)
    if found is None:
        return
    width, heads = found
    context.report(
        built.site,
        f"`{built.site.text}` shares {width} features among {heads} heads, which leaves {width % heads} "
        "over: building it raises an error",
        help=f"Choose a width that {heads} divides, such as {width - width % heads or heads}.",
    )
