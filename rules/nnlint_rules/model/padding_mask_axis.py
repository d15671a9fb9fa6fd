from nnlint.questions.model.padding_masks import misplaced_masks
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN335",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    probe="padding-input",
)
def padding_mask_axis(program: Program, context: Context) -> None:
    """A padding mask lies along the queries of attention, and not along its keys.

    ## What it does
    Reports a mask made of tokens that says of each query whether it is padding, and the same of
    every key, where it meets the scores of self-attention.

    ## Why it hurts training
    The softmax goes over the keys: where a whole row is masked it stays what it was, or becomes
    uniform. Real positions attend to padding as if there were no mask.

    ## Example
    ```python
    from torch import nn


    class Reader(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width, padding_idx=0)

        def forward(self, tokens):
            x = self.embed(tokens)
            padding = (tokens == 0).unsqueeze(2)  # want: padding-mask-axis
            scores = (x @ x.transpose(1, 2)).masked_fill(padding, float("-inf"))
            return scores.softmax(-1) @ x
    ```

    ## Use instead
    ```python
    from torch import nn


    class Reader(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width, padding_idx=0)

        def forward(self, tokens):
            x = self.embed(tokens)
            padding = (tokens == 0).unsqueeze(1)
            scores = (x @ x.transpose(1, 2)).masked_fill(padding, float("-inf"))
            return scores.softmax(-1) @ x
    ```

    ## When not to use it
    It is silent for masks of both axes, for masks that are joined with a causal one, and where
    weights are masked behind the softmax.

    ## References
    - [scaled_dot_product_attention](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html)
    """
    for found in misplaced_masks(program):
        attends = found.attention.operation.site
        meets = found.mask.operation.site if found.mask.operation is not None else attends
        context.report(
            found.made.site,
            f"`{found.made.site.text}` masks padded queries and no keys: the softmax of `{attends.text}` goes "
            "over the keys, so that every position attends to padding",
            help="Let the mask vary along the last axis of the scores, that of the keys.",
            related=[(meets, "the mask meets the scores here")],
        )
