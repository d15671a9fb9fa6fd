from nnlint.questions.model.last_states import WrongState, wrong_states
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule("NN308", level=Level.ERROR, recipe="become one with the code: fast is slow", on=Programs())
def hidden_state_index(program: Program, context: Context) -> None:
    """What is taken for the last state of a recurrent layer is another one.

    ## What it does
    Reports the last step of padded sequences, the last step of a bidirectional layer as its
    summary, the last entry of the hidden state of a bidirectional layer alone, and the first
    entry where there are several layers.

    ## Why it hurts training
    Behind the end of a shorter sequence are zeros. At the last step the backward direction has
    read one element only. The last entry of the hidden state is one direction, the first one
    the lowest layer: half of the network or more goes into nothing.

    ## Example
    ```python
    from torch import nn
    from torch.nn.utils.rnn import pad_packed_sequence


    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(50, 64), nn.Linear(64, 2)

        def forward(self, packed):
            states, lengths = pad_packed_sequence(self.rnn(packed)[0])
            return self.head(states[-1])  # want: hidden-state-index
    ```

    ## Use instead
    ```python
    from torch import nn


    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(50, 64), nn.Linear(64, 2)

        def forward(self, packed):
            _, last = self.rnn(packed)
            return self.head(last[-1])
    ```

    ## When not to use it
    Where all sequences are equally long, the last step of padded ones is their last.

    ## References
    - [torch.nn.LSTM](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html)
    - [torch.nn.utils.rnn.pad_packed_sequence](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_packed_sequence.html)
    """
    for found in wrong_states(program):
        place = found.use.site
        context.report(
            place,
            effect(found, place.text),
            help=_HELP[found.kind],
            related=[(found.of.site, _RELATED[found.kind])],
        )


def effect(found: WrongState, text: str) -> str:
    """What is taken instead of the last state."""
    match found.kind:
        case "padding":
            return (
                f"`{text}` is the end of the longest sequences only: of shorter ones it is padding"
            )
        case "backward step":
            return (
                f"`{text}` takes the backward direction at its first step: it has read the last "
                "element only"
            )
        case "direction":
            return (
                f"`{text}` is the backward direction alone: what the forward one has read is lost"
            )
        case _:
            below = found.layers - 1
            above = (
                "that of the layer above it goes"
                if below == 1
                else f"those of the {below} layers above it go"
            )
            return f"`{text}` is the state of the first layer: {above} into nothing"


_HELP = {
    "padding": "Take the last state that the layer returns, of packed sequences, or gather the "
    "steps by the lengths.",
    "backward step": "Take both directions from the hidden state: `torch.cat([h[-2], h[-1]], 1)`.",
    "direction": "Take both directions: `torch.cat([h[-2], h[-1]], 1)`.",
    "layer": "Take the last layer: `[-1]`.",
}
_RELATED = {
    "padding": "where the sequences are padded",
    "backward step": "the bidirectional layer",
    "direction": "the bidirectional layer",
    "layer": "the layers",
}
