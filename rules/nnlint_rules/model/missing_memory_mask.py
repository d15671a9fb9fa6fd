from nnlint.questions.model.memory import unmasked_memory
from nnlint.remedies.model import pass_padding_on
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN336",
    level=Level.WARNING,
    recipe="visualize prediction dynamics",
    on=Calls(family=("transformer", "attention")),
    fix=Applicability.UNSAFE,
    probe="padding-input",
)
def missing_memory_mask(decoder: Operation, context: Context) -> None:
    """A decoder attends to the padding of its source.

    ## What it does
    Reports `nn.Transformer`, decoders and cross-attention that get no `memory_key_padding_mask`,
    where the encoder of the same source is told which positions are padding. The fix hands the
    encoder's mask on, where both are called in one function.

    ## Why it hurts training
    The encoder leaves padding out, and the decoder attends to it all the same: what is predicted
    for a source depends on how long the others in its batch are.

    ## Example
    ```python
    from torch import nn


    class Translator(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width, padding_idx=0)
            self.core = nn.Transformer(width, 4, batch_first=True)

        def forward(self, source, target):
            causal = nn.Transformer.generate_square_subsequent_mask(target.size(1))
            return self.core(  # want: missing-memory-mask
                self.embed(source),
                self.embed(target),
                tgt_mask=causal,
                src_key_padding_mask=source == 0,
            )
    ```

    ## Use instead
    ```python
    from torch import nn


    class Translator(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width, padding_idx=0)
            self.core = nn.Transformer(width, 4, batch_first=True)

        def forward(self, source, target):
            causal = nn.Transformer.generate_square_subsequent_mask(target.size(1))
            return self.core(
                self.embed(source),
                self.embed(target),
                tgt_mask=causal,
                src_key_padding_mask=source == 0,
                memory_key_padding_mask=source == 0,
            )
    ```

    ## When not to use it
    For sources that all have the same length, which need no mask in the encoder either.

    ## References
    - [nn.Transformer](https://docs.pytorch.org/docs/stable/generated/torch.nn.Transformer.html)
    """
    found = unmasked_memory(decoder)
    if found is None:
        return
    same = found.encoder is decoder
    related = (
        [] if same else [(found.encoder.site, "what encodes the source is told of its padding")]
    )
    lacks = f"gets {'`None` as' if found.by_default else 'no'} `{found.argument}`"
    context.report(
        decoder.site,
        f"`{decoder.site.text}` {lacks}, and `{found.told}` says that sources are "
        "padded: it attends to the padding that the encoder leaves out",
        help=f"Give it the encoder's mask as `{found.argument}`.",
        related=related,
        fix=("Hand the encoder's mask on", pass_padding_on(found)),
    )
