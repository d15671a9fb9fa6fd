from nnlint.questions.data.listed_pairs import pairs_without_order
from nnlint.remedies.listings import sort_listings
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN211",
    level=Level.ERROR,
    recipe="become one with the data",
    on=Programs(),
    fix=Applicability.SAFE,
)
def unordered_pairs(program: Program, context: Context) -> None:
    """Inputs and targets are paired by their places in two listings that have no order.

    ## What it does
    Reports directory listings (`glob`, `os.listdir`, `Path.iterdir`) whose elements are paired by
    position with those of another listing, in `zip`, by one index, or in a table, where not both
    are sorted. That they belong together is told by what they and their folders are called:
    images and masks, inputs and labels, noisy and clean.

    One listing from which the other names are derived is right, and so are pairs by name.

    ## Why it hurts training
    A listing comes in the order in which the file system keeps the files. On the machine where it
    was written both orders agree by chance, on another one, or after a copy, each image gets the
    mask of some other one, and nothing says so.

    ## Example
    ```python
    from glob import glob

    from torch.utils.data import Dataset


    class Cells(Dataset):
        def __init__(self, root):
            self.images = glob(f"{root}/images/*.png")  # want: unordered-pairs
            self.masks = glob(f"{root}/masks/*.png")

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            return self.images[index], self.masks[index]
    ```

    ## Use instead
    ```python
    from glob import glob

    from torch.utils.data import Dataset


    class Cells(Dataset):
        def __init__(self, root):
            self.images = sorted(glob(f"{root}/images/*.png"))
            self.masks = sorted(glob(f"{root}/masks/*.png"))

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            return self.images[index], self.masks[index]
    ```

    ## When not to use it
    Where no two elements belong together.

    ## References
    - [os.listdir](https://docs.python.org/3/library/os.html#os.listdir)
    """
    for found in pairs_without_order(program):
        one, other = found.names
        loose = found.unordered[0]
        context.report(
            loose,
            f"`{loose.text}` comes in no fixed order, and `{one}` and `{other}` are paired by "
            "position: which belong together differs from machine to machine",
            help="Sort both listings, or look each partner up by its name.",
            related=[
                *((site, "in no fixed order either") for site in found.unordered[1:]),
                (found.pairing, "paired by position"),
            ],
            fix=("Sort the listings", sort_listings(found)),
        )
