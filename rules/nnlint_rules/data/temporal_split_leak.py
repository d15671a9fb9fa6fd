from nnlint.questions.data.windows import random_partings
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN216",
    level=Level.WARNING,
    recipe="become one with the data: keep the test set apart",
    on=Programs(),
)
def temporal_split_leak(program: Program, context: Context) -> None:
    """Overlapping windows, or rows that follow one another in time, are split at random.

    ## What it does
    Reports `train_test_split`, `random_split` and shuffled folds of windows that are cut out of
    one sequence step by step, and of rows that are sorted by time or are given what is in the
    rows before them (`shift`, `rolling`).

    ## Why it hurts training
    Most of a held-out window, or its neighbours of the day before and after, are in the training
    part. The model fills in between what it knows, and the score is far better than it is on
    a future that nobody has seen.

    ## Example
    ```python
    import numpy as np
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import train_test_split

    load = np.load("load.npy")
    windows, following = [], []
    for start in range(len(load) - 24):
        windows.append(load[start : start + 24])
        following.append(load[start + 24])
    x_train, x_test, y_train, y_test = train_test_split(  # want: temporal-split-leak
        np.array(windows), np.array(following), random_state=0
    )
    print(Ridge().fit(x_train, y_train).score(x_test, y_test))
    ```

    ## Use instead
    ```python
    import numpy as np
    from sklearn.linear_model import Ridge

    load = np.load("load.npy")
    windows, following = [], []
    for start in range(len(load) - 24):
        windows.append(load[start : start + 24])
        following.append(load[start + 24])
    cut = int(0.8 * len(windows))
    x_train, x_test = np.array(windows[: cut - 24]), np.array(windows[cut:])
    y_train, y_test = np.array(following[: cut - 24]), np.array(following[cut:])
    print(Ridge().fit(x_train, y_train).score(x_test, y_test))
    ```

    ## When not to use it
    Where the gaps of a sequence are to be filled in, and nothing is foretold.

    ## References
    - [scikit-learn, Cross validation of time series data](https://scikit-learn.org/stable/modules/cross_validation.html#cross-validation-of-time-series-data)
    """
    for found in random_partings(program):
        if found.overlap:
            message = (
                f"`{found.split.text}` parts overlapping windows at random: most of each held-out "
                "window is in the training part as well"
            )
        else:
            message = (
                f"`{found.split.text}` parts rows that follow one another at random: the model is "
                "trained on what comes right before and after each held-out row"
            )
        context.report(
            found.split,
            message,
            help="Split by time, sequence or group, and leave a gap as long as a window.",
            related=[(found.rows, "cut here, step by step" if found.overlap else "ordered here")],
        )
