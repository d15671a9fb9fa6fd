from nnlint.questions.loss.padding import padding_of
from nnlint.remedies.padding import leave_padding_out
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN415",
    level=Level.ADVICE,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family=("cross_entropy", "nll")),
    fix=Applicability.UNSAFE,
    flows=True,
)
def padding_in_loss(loss: Operation, context: Context) -> None:
    """A sequence loss that counts the padding of its targets.

    ## What it does
    Reports a cross entropy over targets that the same program has padded to one length, with no
    `ignore_index`, no mask and no class weights. The fix pads targets with -100 that nothing but
    losses is given, or lets the loss ignore the index that an embedding takes for padding.

    ## Why it hurts training
    Padding is the easiest target there is: the loss falls because the model learns to predict
    it, the more the shorter a sequence, and losses of different batches can't be compared.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn
    from torch.nn.utils.rnn import pad_sequence

    model = nn.Sequential(nn.Embedding(100, 16), nn.Linear(16, 9))


    def loss_of(words, tags):
        words = pad_sequence(words, batch_first=True)
        tags = pad_sequence(tags, batch_first=True)
        return F.cross_entropy(model(words).flatten(0, 1), tags.flatten())  # want: padding-in-loss
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn
    from torch.nn.utils.rnn import pad_sequence

    model = nn.Sequential(nn.Embedding(100, 16), nn.Linear(16, 9))


    def loss_of(words, tags):
        words = pad_sequence(words, batch_first=True)
        tags = pad_sequence(tags, batch_first=True, padding_value=-100)
        return F.cross_entropy(model(words).flatten(0, 1), tags.flatten())
    ```

    ## When not to use it
    When the padding token also ends each sequence, and the model has to learn it.

    ## References
    - [CrossEntropyLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    """
    padding = padding_of(loss)
    if padding is None:
        return
    context.report(
        loss.site,
        f"`{loss.site.text}` counts the padding of the targets: the loss falls as the model learns to "
        "predict padding, and depends on how long the sequences of a batch are",
        help="Pad the targets with -100, or give the loss the `ignore_index` of the padding.",
        related=[(padding.site, "the targets are padded here")],
        fix=(
            "Leave the padding out of the loss",
            leave_padding_out(context.programs, loss, padding),
        ),
    )
