"""The bullets of the recipe, in its order.

Sections and bullets are those of "A Recipe for Training Neural Networks"
(https://karpathy.github.io/2019/04/25/recipe/).
"""

from __future__ import annotations

from nnlint.finding import Stage
from nnlint.recipe.model import Bullet

SECTIONS = {
    "data": "Become one with the data",
    "evaluation": "Look at the evaluation",
    "skeleton": "Set up the end-to-end skeleton",
    "overfit": "Overfit",
    "regularize": "Regularize",
    "tune": "Tune",
    "squeeze": "Squeeze out the juice",
}
"""The sections of the recipe, each with its heading."""
DATASET = "dataset"
"""The fact that a project trains on a data set."""
TRAINS = "trains"
"""The fact that a project trains a model."""
_AUDIT = "`nnlint audit pkg.data:make_loader`"
_UNSEEN = "source shows only where it is done, not where somebody has looked"


def _data(name: str, title: str, next: str, contradicting: tuple[str, ...] = ()) -> Bullet:
    return Bullet(
        "data",
        name,
        title,
        Stage.DATA,
        unseen=_UNSEEN,
        next=next,
        contradicting=contradicting,
        needs=(DATASET,),
    )


_DATA = (
    _data(
        "duplicates", "duplicate examples", f"{_AUDIT} lists duplicates within and across splits"
    ),
    _data(
        "corrupted-pairs",
        "corrupted pairs of image and label",
        f"{_AUDIT} lists unreadable, empty and misordered pairs",
        ("NN210", "NN211", "NN212", "NN220"),
    ),
    _data("balance", "class balance", f"{_AUDIT} counts labels in every split"),
    _data("bias", "biases", "compare where and how examples of each group were collected"),
    _data(
        "context",
        "local features or global context",
        "look at which part of an example you need to name its label",
    ),
    _data("variation", "how much variation there is", f"{_AUDIT} shows statistics and outliers"),
    _data(
        "spurious-variation",
        "which variation is spurious and can be preprocessed out",
        f"{_AUDIT} compares the normalisation that arrives with the one that was meant",
    ),
    _data(
        "position",
        "whether position matters, or is averaged out",
        "shift examples and see whether their label changes",
    ),
    _data(
        "resolution",
        "how much detail matters, how far to downsample",
        "look at examples in the size in which the net gets them",
    ),
    _data("label-noise", "how noisy labels are", f"{_AUDIT} lists likely label errors"),
    _data(
        "search-and-sort",
        "search, filter and sort; look at outliers",
        f"{_AUDIT} lists outliers by statistics and by embedding",
    ),
)

_EVALUATION = (
    Bullet(
        "evaluation",
        "mispredictions",
        "look at mispredictions",
        Stage.SKELETON,
        missing="no run keeps or shows the examples that the model gets wrong",
        next="keep the examples whose prediction differs from the label, and look at the worst",
        needs=(DATASET,),
    ),
)

_SKELETON = (
    Bullet(
        "skeleton",
        "fixed-seed",
        "fix the random seed",
        Stage.SKELETON,
        missing="no run that trains fixes its seed",
        next="call `torch.manual_seed(0)` first",
        contradicting=("NN107", "NN108", "NN111"),
        lacking=("NN101", "NN102", "NN104", "NN109"),
        partial=("NN102", "NN104"),
        needs=(TRAINS,),
    ),
    Bullet(
        "skeleton",
        "simplify",
        "simplify: no augmentation yet",
        Stage.SKELETON,
        unseen="what could be left out depends on what is there already",
        next="turn augmentation off until the model overfits",
        contradicting=("NN201",),
        needs=(DATASET,),
        until=Stage.OVERFIT,
    ),
    Bullet(
        "skeleton",
        "whole-evaluation",
        "evaluate over the whole test set, significant digits",
        Stage.SKELETON,
        missing="no run measures the model over a whole evaluation set",
        next="add a loop over the whole evaluation set, weighted by batch size",
        contradicting=("NN202", "NN203", "NN206", "NN209", "NN215", "NN411", "NN412", "NN419"),
        lacking=("NN524",),
        needs=(DATASET,),
    ),
    Bullet(
        "skeleton",
        "loss-at-init",
        "verify the loss at init",
        Stage.SKELETON,
        missing="no test or run compares the first loss with what it should be",
        next="`nnlint verify pkg.model:Net --probe loss-at-init`",
        revealing=(
            *("NN331", "NN401", "NN402", "NN403", "NN404", "NN405", "NN406", "NN408", "NN409"),
            *("NN413", "NN414", "NN415"),
        ),
        needs=(TRAINS,),
    ),
    Bullet(
        "skeleton",
        "good-init",
        "initialise well: the bias of the head",
        Stage.SKELETON,
        missing="the last layer starts as the library initialises it",
        next="set the bias of the head to the mean or log-odds of the labels",
        contradicting=("NN329", "NN337"),
        needs=(TRAINS,),
    ),
    Bullet(
        "skeleton",
        "human-baseline",
        "human baseline",
        Stage.SKELETON,
        unseen=_UNSEEN,
        next="label some examples yourself, twice, and measure the agreement",
        needs=(DATASET,),
    ),
    Bullet(
        "skeleton",
        "human-readable-metric",
        "a metric that people can read",
        Stage.SKELETON,
        missing="nothing but the loss is measured",
        next="measure accuracy, or whatever is counted in the problem's own unit",
        lacking=("NN525",),
        needs=(DATASET,),
    ),
    Bullet(
        "skeleton",
        "input-independent-baseline",
        "input-independent baseline",
        Stage.SKELETON,
        missing="no run or test trains or measures without the input",
        next="`nnlint verify pkg.model:Net --probe input-baseline`",
        needs=(DATASET,),
    ),
    Bullet(
        "skeleton",
        "overfit-one-batch",
        "overfit one batch",
        Stage.SKELETON,
        missing="no test or run trains on one batch until its loss is near zero",
        next="`nnlint verify pkg.model:Net --probe overfit`",
        revealing=("NN407", "NN410", "NN417"),
        needs=(TRAINS,),
    ),
    Bullet(
        "skeleton",
        "decreasing-loss",
        "verify that the training loss decreases",
        Stage.SKELETON,
        missing="no run shows the training loss, and no test asks whether it falls",
        next="log or plot the training loss",
        revealing=("NN328", "NN501", "NN502", "NN503"),
        needs=(TRAINS,),
    ),
    Bullet(
        "skeleton",
        "visualise-inputs",
        "visualise just before the net",
        Stage.SKELETON,
        missing="no run shows a batch as it goes into the model",
        next=f"{_AUDIT} draws the batch exactly as it enters the model",
        needs=(TRAINS,),
    ),
    Bullet(
        "skeleton",
        "prediction-dynamics",
        "visualise prediction dynamics on a fixed batch",
        Stage.SKELETON,
        missing="no run shows how the predictions on one fixed batch develop",
        next="predict the same batch after every epoch, and keep the pictures",
        needs=(TRAINS,),
    ),
    Bullet(
        "skeleton",
        "chart-dependencies",
        "use backprop to chart dependencies",
        Stage.SKELETON,
        missing="no test backpropagates from one example and looks at the inputs' gradients",
        next="`nnlint verify pkg.model:Net --probe batch-dependency`",
        revealing=("NN301", "NN302", "NN303", "NN304", "NN306", "NN307"),
        needs=(TRAINS,),
    ),
    Bullet(
        "skeleton",
        "special-case",
        "generalise a special case",
        Stage.SKELETON,
        unseen="source shows only the code that was kept",
        next="write the loop first and compare: `nnlint.verify.assert_equivalent`",
    ),
)

_OVERFIT = (
    Bullet("overfit", "known-model", "pick a known model, don't be a hero", Stage.OVERFIT),
    Bullet("overfit", "adam", "Adam is safe", Stage.OVERFIT),
    Bullet("overfit", "one-at-a-time", "complexify one at a time", Stage.OVERFIT),
    Bullet("overfit", "decay-defaults", "don't trust decay defaults", Stage.OVERFIT),
)

_REGULARIZE = (
    Bullet("regularize", "more-data", "more data", Stage.REGULARIZE),
    Bullet("regularize", "augmentation", "augmentation", Stage.REGULARIZE),
    Bullet("regularize", "creative-augmentation", "creative augmentation", Stage.REGULARIZE),
    Bullet("regularize", "pretrain", "pretrain", Stage.REGULARIZE),
    Bullet("regularize", "supervised", "stick with supervised learning", Stage.REGULARIZE),
    Bullet("regularize", "smaller-input", "smaller input", Stage.REGULARIZE),
    Bullet("regularize", "smaller-model", "smaller model", Stage.REGULARIZE),
    Bullet("regularize", "smaller-batch", "smaller batch", Stage.REGULARIZE),
    Bullet("regularize", "drop", "drop, carefully with batch norm", Stage.REGULARIZE),
    Bullet("regularize", "weight-decay", "weight decay", Stage.REGULARIZE),
    Bullet("regularize", "early-stopping", "early stopping", Stage.REGULARIZE),
    Bullet("regularize", "larger-model", "try a larger model", Stage.REGULARIZE),
)

_TUNE = (
    Bullet("tune", "random-search", "random over grid search", Stage.TUNE),
    Bullet("tune", "few-parameters", "few good parameters", Stage.TUNE),
)

_SQUEEZE = (
    Bullet("squeeze", "ensembles", "ensembles, distillation", Stage.SQUEEZE),
    Bullet("squeeze", "leave-it-training", "leave it training", Stage.SQUEEZE),
)

BULLETS = (*_DATA, *_EVALUATION, *_SKELETON, *_OVERFIT, *_REGULARIZE, *_TUNE, *_SQUEEZE)
"""All bullets, section by section."""


def codes(bullet: str = "") -> frozenset[str]:
    """The codes of the rules whose findings speak about a bullet, or about any."""
    return frozenset(
        code
        for b in BULLETS
        if not bullet or b.name == bullet
        for code in (*b.contradicting, *b.lacking, *b.revealing)
    )
