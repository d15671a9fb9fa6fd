from nnlint.questions.data.end_tokens import ends_left_out
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN219",
    level=Level.WARNING,
    recipe="become one with the data",
    on=Programs(),
)
def eos_masked_as_pad(program: Program, context: Context) -> None:
    """The end token is the padding token, and padding is left out of the loss.

    ## What it does
    Reports collators for causal language models, masks of labels and losses with `ignore_index` that
    leave out the padding token, where the program has set that token to the end token. Masks that
    are made from lengths or from the attention mask are right, and so is a token of its own.

    ## Why it hurts training
    The true end of each text is left out with the padding behind it. The model never learns to
    stop: it generates until the longest length, and repeats itself on the way.

    ## Example
    ```python
    from transformers import AutoTokenizer, DataCollatorForLanguageModeling

    tokenizer = AutoTokenizer.from_pretrained("gpt2")
    tokenizer.pad_token = tokenizer.eos_token
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)  # want: eos-masked-as-pad
    ```

    ## Use instead
    ```python
    from transformers import AutoTokenizer, DataCollatorForLanguageModeling

    tokenizer = AutoTokenizer.from_pretrained("gpt2")
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    ```

    ## When not to use it
    Where texts have no end that is to be learnt. It is silent where rows of one length are cut
    from texts to which no end token is written.

    ## References
    - [Data collators](https://huggingface.co/docs/transformers/main_classes/data_collator)
    """
    for found in ends_left_out(program):
        context.report(
            found.site,
            f"`{found.site.text}` leaves padding out of the loss, and `{found.tokenizer}` pads with the "
            "end token: the model never learns where a text ends",
            help="Pad with a token of its own, or mask by the attention mask.",
            related=[(found.same, "the padding token is the end token")],
        )
