from nnlint.questions.model.layers import place_of
from nnlint.questions.model.sequences import Mismatch, mismatches
from nnlint.rule import Applicability, Context, Level, Programs, changes, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN307",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    fix=Applicability.UNSAFE,
    probe="batch-dependency",
)
def batch_first_mismatch(program: Program, context: Context) -> None:
    """A layer over sequences takes another axis for the batch than the program does.

    ## What it does
    Reports recurrent layers, attention and Transformers that are built without
    `batch_first=True` and given, or read, with the batch on the first axis (`out[:, -1]`), and
    the reverse. It also reports recurrent layers that go along the channels of a convolution
    over time.

    ## Why it hurts training
    The layer carries its state from one example of the batch to the next, or lets examples
    attend to one another. Shapes fit, nothing raises, and what it gives for an example depends
    on the others.

    ## Example
    ```python
    from torch import nn


    class Reviews(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5000, 64)
            self.lstm = nn.LSTM(64, 128)
            self.head = nn.Linear(128, 2)

        def forward(self, words):
            states, _ = self.lstm(self.embedding(words))  # want: batch-first-mismatch
            return self.head(states[:, -1])
    ```

    ## Use instead
    ```python
    from torch import nn


    class Reviews(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5000, 64)
            self.lstm = nn.LSTM(64, 128, batch_first=True)
            self.head = nn.Linear(128, 2)

        def forward(self, words):
            states, _ = self.lstm(self.embedding(words))
            return self.head(states[:, -1])
    ```

    ## When not to use it
    Where a layer is meant to go along the examples, as one over the frames of a single film is:
    give it an axis of one for the batch.

    ## References
    - [torch.nn.LSTM](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html)
    - [torch.nn.TransformerEncoderLayer](https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html)
    """
    for found in mismatches(program):
        place = found.read if found.settled and found.read else place_of(found.operation)
        told = found.told_at
        related = [(told, "where it is told which axis is the batch")] if told else []
        if found.read is not None and not found.settled:
            related.append((found.read, "where what it gives is read with the other axis for it"))
        mends = told is not None and not found.settled and found.kind != "channels"
        wanted = str(not found.batch_first)
        context.report(
            place,
            effect(found, place.text),
            help=remedy(found),
            # a class that is right by itself, or that keeps examples apart, takes nothing back
            probe="" if found.apart or found.kind == "channels" else None,
            related=related,
            fix=(
                f"Tell it `batch_first={wanted}`",
                changes.set_keyword(told, "batch_first", wanted),
            )
            if mends and told is not None
            else None,
        )


def effect(found: Mismatch, text: str) -> str:
    """What the mismatch does to the run."""
    if found.kind == "channels":
        return (
            f"`{text}` goes along the channels of a convolution, and takes its steps for features"
        )
    first, second = ("first", "second") if found.batch_first else ("second", "first")
    if found.settled:
        return (
            f"`{text}` is read along the {first} axis, which is the batch here: examples are taken "
            "for steps"
        )
    across = (
        "carries its state from one example to the next"
        if found.operation.entry.family == "rnn"
        else "lets examples attend to one another"
    )
    said = "it is on" if found.kind == "given" else "what it gives is read with it on"
    return f"`{text}` takes the {first} axis for the batch, and {said} the {second}: it {across}"


def remedy(found: Mismatch) -> str:
    """What to write instead."""
    if found.kind == "channels":
        return "Move the channels behind the steps before it: `x.transpose(1, 2)`."
    if found.settled:
        return "Read the steps along the other axis."
    if found.batch_first:
        return "Build it without `batch_first=True`, or transpose what it is given."
    return "Build it with `batch_first=True`, or transpose what it is given."
