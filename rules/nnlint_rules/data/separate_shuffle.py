from nnlint.questions.data.shuffling import shuffled_apart
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN212",
    level=Level.WARNING,
    recipe="become one with the data",
    on=Programs(),
)
def separate_shuffle(program: Program, context: Context) -> None:
    """Inputs and targets are shuffled by separate random calls.

    ## What it does
    Reports where inputs and their targets each get a random order, or a random choice, of their
    own: two calls of `shuffle`, `permutation` or `sample`, two permutations that index them, two
    loaders that shuffle and are gone over together. That two things belong together is told by
    their names (`images` and `labels`, `x_train` and `y_train`), or by a `TensorDataset`,
    `train_test_split` or `fit` that takes both.

    One permutation for both is right, and so are draws before which the program sets the state of
    the generator again, or that have the same seed.

    ## Why it hurts training
    The labels no longer belong to the inputs. The loss falls to that of guessing the most frequent
    class and stays there, or the model learns the training pairs by heart.

    ## Example
    ```python
    import numpy as np
    import torch
    from torch.utils.data import TensorDataset

    images, labels = np.load("images.npy"), np.load("labels.npy")
    np.random.shuffle(images)
    np.random.shuffle(labels)  # want: separate-shuffle
    dataset = TensorDataset(torch.tensor(images), torch.tensor(labels))
    ```

    ## Use instead
    ```python
    import numpy as np
    import torch
    from torch.utils.data import TensorDataset

    images, labels = np.load("images.npy"), np.load("labels.npy")
    order = np.random.permutation(len(images))
    dataset = TensorDataset(torch.tensor(images[order]), torch.tensor(labels[order]))
    ```

    ## When not to use it
    Where pairs are broken on purpose, as for a baseline of shuffled labels.

    ## References
    - [numpy.random.Generator.permutation](https://numpy.org/doc/stable/reference/random/generated/numpy.random.Generator.permutation.html)
    """
    for found in shuffled_apart(program):
        one, other = found.names
        context.report(
            found.second,
            f"`{other}` gets another random order than `{one}`: what is at the same place in both no "
            "longer belongs together",
            help="Draw one permutation and index both with it.",
            related=[(found.first, "drawn by itself")],
        )
