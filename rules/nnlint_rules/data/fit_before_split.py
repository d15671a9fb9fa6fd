from nnlint.questions.data.leaks import leaks
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN207",
    level=Level.ERROR,
    recipe="become one with the data: keep the test set apart",
    on=Programs(),
)
def fit_before_split(program: Program, context: Context) -> None:
    """Something is learnt from rows that are held out to measure the model.

    ## What it does
    Reports scalers, imputers, PCA, feature selectors, target encoders and TF-IDF weights that
    are fitted on all rows before they are split, or cross-validated, and those that are fitted
    anew on the test part. So are statistics that a program works out itself, as in
    `(x - x.mean()) / x.std()`.

    Which rows a value holds is followed through NumPy, pandas, scikit-learn, tensors and data
    sets. What is learnt counts where it reaches the parts. Encoders that only learn which
    categories there are, such as one-hot and ordinal ones, carry nothing over and stay silent;
    those that put a mean of the targets in the place of a category do.

    ## Why it hurts training
    The training rows carry what the test rows are like, so that the score is better than the
    model is on data that nobody has seen. With few rows, or with feature selection, most of the
    score can come from that.

    ## Example
    ```python
    import numpy as np
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    features, labels = np.load("features.npy"), np.load("labels.npy")
    features = StandardScaler().fit_transform(features)  # want: fit-before-split
    x_train, x_test, y_train, y_test = train_test_split(features, labels, random_state=0)
    ```

    ## Use instead
    ```python
    import numpy as np
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    features, labels = np.load("features.npy"), np.load("labels.npy")
    x_train, x_test, y_train, y_test = train_test_split(features, labels, random_state=0)
    scaler = StandardScaler().fit(x_train)
    x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
    ```

    ## When not to use it
    Where the numbers are known before any data is: the largest value of a pixel, the mean of
    ImageNet. Write them down then.

    ## References
    - [scikit-learn, Common pitfalls: data leakage](https://scikit-learn.org/stable/common_pitfalls.html#data-leakage)
    """
    for leak in leaks(program):
        called = leak.fit.site.text
        if leak.split is None:
            context.report(
                leak.fit.site,
                f"`{called}` fits on the held-out rows of `{leak.part}`: they are scaled by "
                "themselves, and not as what the model is trained on is",
                help="Fit on the training part, and only transform the others.",
            )
            continue
        context.report(
            leak.fit.site,
            f"`{called}` learns from all rows, also from those that `{leak.split.text}` holds out: "
            "the score is better than the model is on new data",
            help="Split first, fit on the training part, and transform the others with it.",
            # a mean in place of what is missing moves the score little, and rows that an estimator
            # keeps back by itself are no score
            level=Level.WARNING if leak.fit.fills or leak.within_fit else None,
            related=[(leak.split, "the rows are split here")],
        )
