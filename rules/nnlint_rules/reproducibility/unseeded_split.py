from nnlint.questions.reproducibility.splitting import unseeded_splits
from nnlint.remedies.loaders import fix_split
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN104",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def unseeded_split(program: Program, context: Context) -> None:
    """Data are split at random by a state that nothing has fixed.

    ## What it does
    Follows a training program to where it splits its data: `random_split`, `train_test_split`,
    shuffled folds. Reports a split that is given neither a seed nor a generator and draws from a
    global state that nothing on the way has seeded. torch's splits draw from torch's state,
    scikit-learn's from NumPy's, so that `torch.manual_seed` alone does not fix the latter.

    A program that seeds nothing at all is reported by `missing-seed` instead.

    ## Why it hurts training
    Each run holds other examples out. Scores of two runs are of different tests, and a run that
    goes on from a checkpoint is tested on examples that it was trained on before.

    ## Example
    ```python
    import numpy as np
    import torch
    from sklearn.model_selection import train_test_split
    from torch import nn

    torch.manual_seed(0)
    x, y = np.load("x.npy"), np.load("y.npy")
    x_train, x_test, y_train, y_test = train_test_split(x, y)  # want: unseeded-split
    model = nn.Linear(x.shape[1], 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(100):
        optimizer.zero_grad()
        inputs, labels = torch.from_numpy(x_train), torch.from_numpy(y_train)
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    import numpy as np
    import torch
    from sklearn.model_selection import train_test_split
    from torch import nn

    torch.manual_seed(0)
    x, y = np.load("x.npy"), np.load("y.npy")
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    model = nn.Linear(x.shape[1], 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(100):
        optimizer.zero_grad()
        inputs, labels = torch.from_numpy(x_train), torch.from_numpy(y_train)
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    ```

    ## When not to use it
    Where every run is meant to hold other examples out, and scores are averaged over many.

    ## References
    - [Reproducibility](https://docs.pytorch.org/docs/stable/notes/randomness.html)
    - [Controlling randomness](https://scikit-learn.org/stable/common_pitfalls.html#controlling-randomness)
    """
    for split in unseeded_splits(program):
        owner = {"torch": "torch's", "numpy": "NumPy's"}[split.family]
        late = split.seeded_later
        when = "is seeded only after it" if late else "is never seeded"
        context.report(
            split.site,
            f"`{split.site.text}` draws from {owner} global state, which {when}: every run holds "
            "other examples out",
            help="Pass it a seed of its own, or seed the state before it.",
            related=[(late, "seeds too late")] if late else [],
            fix=("Fix the split", fix_split(split)),
        )
