from nnlint.questions.data.leaks import resampled_before_split
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN213",
    level=Level.ERROR,
    recipe="become one with the data: keep the test set apart",
    on=Programs(),
)
def resample_before_split(program: Program, context: Context) -> None:
    """Rows are doubled or made out of others before they are split.

    ## What it does
    Reports resampling of all rows (`fit_resample`, `resample`, `sample(replace=True)`, a table that
    is put together with itself) whose result is then split, or cross-validated. Where rows of
    the frequent classes are left out only, this is a warning.

    ## Why it hurts training
    Copies of one row, or mixtures of it with its neighbours, come to lie in both parts: the
    model is tested on what it has learnt by heart. The test part has other shares of the classes
    than new data, besides.

    ## Example
    ```python
    import pandas as pd
    from imblearn.over_sampling import SMOTE
    from sklearn.model_selection import train_test_split

    table = pd.read_csv("fraud.csv")
    x, y = table.drop(columns="fraud"), table["fraud"]
    x, y = SMOTE(random_state=0).fit_resample(x, y)  # want: resample-before-split
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    ```

    ## Use instead
    ```python
    import pandas as pd
    from imblearn.over_sampling import SMOTE
    from sklearn.model_selection import train_test_split

    table = pd.read_csv("fraud.csv")
    x, y = table.drop(columns="fraud"), table["fraud"]
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    x_train, y_train = SMOTE(random_state=0).fit_resample(x_train, y_train)
    ```

    ## When not to use it
    For bootstrap samples that estimate how much a score varies; these are not split again.

    ## References
    - [imbalanced-learn, Common pitfalls: data leakage](https://imbalanced-learn.org/stable/common_pitfalls.html#data-leakage)
    """
    for resampling, split in resampled_before_split(program):
        if resampling.leaves_out:
            consequence = "the held-out rows have other shares of the classes than new data"
        else:
            consequence = (
                "copies of held-out rows are trained on, and the score is better than the model is"
            )
        context.report(
            resampling.site,
            f"`{resampling.site.text}` resamples all rows before `{split.text}` splits them: {consequence}",
            help="Split first, and resample the training part only.",
            level=Level.WARNING if resampling.leaves_out else None,
            related=[(split, "the rows are split here")],
        )
