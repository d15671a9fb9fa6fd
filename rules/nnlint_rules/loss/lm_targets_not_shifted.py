from nnlint.questions.loss.shifts import unshifted_losses
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN417",
    level=Level.ERROR,
    recipe="overfit one batch",
    on=Programs(),
    probe="causality",
)
def lm_targets_not_shifted(program: Program, context: Context) -> None:
    """A next-token loss against the tokens that the model is given.

    ## What it does
    Reports a cross entropy of a causal model's outputs, from a masked transformer or a recurrent
    layer, against the very tokens that the model takes in, with no shift by one between.

    ## Why it hurts training
    The target of each position is the token that the model sees there: it learns to copy its
    input, the loss falls to almost 0, and it can predict nothing.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Model(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width)
            self.rnn = nn.LSTM(width, width, batch_first=True)
            self.head = nn.Linear(width, words)

        def loss(self, tokens):
            hidden, _ = self.rnn(self.embed(tokens))
            logits = self.head(hidden)
            return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())  # want: lm-targets-not-shifted
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Model(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width)
            self.rnn = nn.LSTM(width, width, batch_first=True)
            self.head = nn.Linear(width, words)

        def loss(self, tokens):
            hidden, _ = self.rnn(self.embed(tokens[:, :-1]))
            logits = self.head(hidden)
            return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    ```

    ## When not to use it
    It is silent where the shift may be anywhere else: in the data, in the model, in a collator.

    ## References
    - [Causal language modeling](https://huggingface.co/docs/transformers/tasks/language_modeling)
    """
    for found in unshifted_losses(program):
        context.report(
            found.loss.site,
            f"`{found.loss.site.text}` takes as targets the tokens that the model is given: it learns to "
            "copy its input, and the loss falls to almost 0",
            help="Shift by one: feed `tokens[:, :-1]`, and predict `tokens[:, 1:]`.",
            related=[(found.embedding.site, "the model takes the same tokens in here")],
        )
