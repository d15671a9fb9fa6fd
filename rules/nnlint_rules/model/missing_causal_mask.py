from nnlint.questions.model.lookahead import lookaheads
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN306",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    probe="causality",
)
def missing_causal_mask(program: Program, context: Context) -> None:
    """A model that is to predict the next token attends to it.

    ## What it does
    Reports attention with neither causal mask nor `is_causal` in a model whose targets are its
    inputs, shifted by one, or whose prediction for the last position is appended to its input.
    Library layers and functions count, and attention that is written out.

    ## Why it hurts training
    Each position sees the very token that it is to predict: the loss falls to almost 0, and what
    the model generates, where nothing can be copied, is garbage.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Model(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width)
            self.block = nn.TransformerEncoderLayer(width, 4, batch_first=True)
            self.head = nn.Linear(width, words)

        def forward(self, tokens):
            return self.head(self.block(self.embed(tokens)))  # want: missing-causal-mask


    def loss_of(tokens):
        logits = Model(1000, 64)(tokens[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Model(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width)
            self.block = nn.TransformerEncoderLayer(width, 4, batch_first=True)
            self.head = nn.Linear(width, words)

        def forward(self, tokens):
            mask = nn.Transformer.generate_square_subsequent_mask(tokens.size(1))
            return self.head(self.block(self.embed(tokens), mask, is_causal=True))


    def loss_of(tokens):
        logits = Model(1000, 64)(tokens[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    ```

    ## When not to use it
    It is silent for encoders, masked language models and cross-attention, and wherever a mask of
    unknown content reaches the scores.

    ## References
    - [Attention Is All You Need, 3.2.3](https://arxiv.org/abs/1706.03762)
    """
    for found in lookaheads(program, context.programs):
        attends, evidence = found.attention.operation.site, found.evidence
        trained = evidence.entry.kind == "loss"
        shown = (
            "the targets are the next of the inputs" if trained else "the prediction is appended"
        )
        context.report(
            attends,
            f"`{attends.text}` attends without a causal mask in a model that is to predict the next "
            "position: each position sees its own target, and nothing is learnt that could be generated",
            help="Keep each position from those behind it: a causal mask, or `is_causal=True`.",
            related=[(evidence.site, shown)],
        )
