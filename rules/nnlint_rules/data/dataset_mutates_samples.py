from nnlint.questions.data.mutating import mutations
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN214",
    level=Level.ERROR,
    recipe="become one with the data",
    on=Programs(),
)
def dataset_mutates_samples(program: Program, context: Context) -> None:
    """A data set changes its own data whenever a sample is taken.

    ## What it does
    Follows one sample through `__getitem__`, and what it calls. Reports changes in place of what the
    data set keeps: `self.data[i] /= 255`, `x -= x.mean()` of a view of it, `x.sub_(m)`, an entry of a
    stored dictionary that is replaced by what a transform makes of it, a stored list that grows.

    Copies are right, and so are values that are written once and found again, and what comes from
    a file with each access. Where it is not known what the data set is given, the finding is a
    warning.

    ## Why it hurts training
    The next epoch starts from what the last one has left: divided by 255 twice, normalised twice,
    with two end tokens. With worker processes only their copies change, so the results also depend
    on `num_workers`.

    ## Example
    ```python
    import numpy as np
    from torch.utils.data import Dataset


    class Digits(Dataset):
        def __init__(self):
            self.images = np.load("images.npy").astype("float32")

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            image = self.images[index]
            image /= 255  # want: dataset-mutates-samples
            return image
    ```

    ## Use instead
    ```python
    import numpy as np
    from torch.utils.data import Dataset


    class Digits(Dataset):
        def __init__(self):
            self.images = np.load("images.npy").astype("float32")

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            return self.images[index] / 255
    ```

    ## When not to use it
    Where what is kept gives a copy with each access, as some stores do.

    ## References
    - [NumPy: copies and views](https://numpy.org/doc/stable/user/basics.copies.html)
    """
    for found in mutations(program):
        kept = f"self.{found.stored.attribute}"
        context.report(
            found.site,
            f"`{found.statement.text}` changes what `{kept}` holds: each access finds what the last one "
            "has left, so that every epoch sees other data",
            help="Change a copy, or write the result under a name of its own.",
            level=None if found.certain else Level.WARNING,
        )
