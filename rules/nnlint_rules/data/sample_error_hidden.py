from nnlint.questions.data.hidden_errors import hidden_errors
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN220",
    level=Level.WARNING,
    recipe="become one with the data",
    on=Programs(),
)
def sample_error_hidden(program: Program, context: Context) -> None:
    """Any error on the way of a sample is hidden behind a sample that is made up.

    ## What it does
    Reports handlers of any error (`except:`, `except Exception:`) in the `__getitem__` of a data set,
    in what it calls, and in functions that put batches together, which go on with zeros, a picture
    without content or another sample, and neither tell nor count it.

    Handlers of one kind of error are right, and so are those that log, warn, count or raise.

    ## Why it hurts training
    Files that are missing or broken, and mistakes in the code that reads them, become black images
    with true labels. Nobody sees how many there are, and the model learns from them.

    ## Example
    ```python
    import torch
    from torch.utils.data import Dataset


    class Clips(Dataset):
        def __init__(self, files):
            self.files = files

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            try:
                return torch.load(self.files[index])
            except Exception:  # want: sample-error-hidden
                return torch.zeros(16_000)
    ```

    ## Use instead
    ```python
    import logging

    import torch
    from torch.utils.data import Dataset


    class Clips(Dataset):
        def __init__(self, files):
            self.files = files

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            try:
                return torch.load(self.files[index])
            except EOFError:
                logging.warning("%s is broken", self.files[index])
                return torch.zeros(16_000)
    ```

    ## When not to use it
    Where broken samples are known, and few.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    for found in hidden_errors(program):
        context.report(
            found.handler,
            f"`{found.function}` takes `{found.made.text}` for the sample whatever goes wrong, and "
            "tells nobody: broken samples and mistakes of the code enter training unseen",
            help="Handle the one error that is expected, and log or count it.",
            related=[(found.made, "made up")],
        )
