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
REINFORCED = "reinforced"
"""The fact that a project learns from an environment."""
AUGMENTS = "augments"
"""The fact that something in a project changes examples at random."""
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
        unless=(AUGMENTS,),
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
    Bullet(
        "overfit",
        "known-model",
        "pick a known model, don't be a hero",
        Stage.OVERFIT,
        missing="all models that are trained are the project's own",
        next="start from the simplest published model for the problem, from torchvision, timm or "
        "transformers",
        needs=(TRAINS,),
    ),
    Bullet(
        "overfit",
        "adam",
        "Adam is safe",
        Stage.OVERFIT,
        missing="no run trains with Adam",
        next="train with `torch.optim.Adam(model.parameters(), lr=3e-4)` until the rest is set up",
        needs=(TRAINS,),
    ),
    Bullet(
        "overfit",
        "one-at-a-time",
        "complexify only one at a time",
        Stage.OVERFIT,
        unseen="source shows what is there, not in which order it came",
        next="plug signals in one by one, and see each of them help",
        needs=(TRAINS,),
    ),
    Bullet(
        "overfit",
        "decay-defaults",
        "don't trust learning rate decay defaults",
        Stage.OVERFIT,
        unseen="source does not show whether the numbers of a schedule were tuned for this run",
        next="keep the rate constant, and tune its decay last: `nnlint verify --probe lr-schedule` "
        "draws the schedule",
        contradicting=("NN601", "NN602", "NN603", "NN604"),
        needs=(TRAINS,),
    ),
)

_REGULARIZE = (
    Bullet(
        "regularize",
        "more-data",
        "get more data",
        Stage.REGULARIZE,
        unseen="source does not show how the data was collected",
        next="collect more real examples before anything else",
        needs=(DATASET,),
    ),
    Bullet(
        "regularize",
        "augmentation",
        "data augmentation",
        Stage.REGULARIZE,
        missing="no run changes its training data at random",
        next="add random transforms to the training part only",
        contradicting=("NN202", "NN203"),
        needs=(DATASET,),
    ),
    Bullet(
        "regularize",
        "creative-augmentation",
        "creative augmentation",
        Stage.REGULARIZE,
        missing="no run mixes examples or puts new ones together",
        next="mix examples (MixUp, CutMix), paste objects into scenes, or simulate",
        needs=(DATASET,),
    ),
    Bullet(
        "regularize",
        "pretrain",
        "pretrain",
        Stage.REGULARIZE,
        missing="all that is trained starts from random weights",
        next="start from weights that were trained on more data",
        lacking=("NN608",),
        needs=(TRAINS,),
    ),
    Bullet(
        "regularize",
        "supervised",
        "stick with supervised learning",
        Stage.REGULARIZE,
        unseen="where the targets of a loss come from is not known",
        next="train on labels before you pretrain without any",
        needs=(DATASET,),
    ),
    Bullet(
        "regularize",
        "smaller-input",
        "smaller input dimensionality",
        Stage.REGULARIZE,
        unseen="source does not show which part of the input carries nothing",
        next="remove features that may carry a spurious signal, or feed smaller pictures",
        needs=(DATASET,),
    ),
    Bullet(
        "regularize",
        "smaller-model",
        "smaller model size",
        Stage.REGULARIZE,
        unseen="source does not show how small the model could be",
        next="average over positions before the head instead of flattening them into it",
        contradicting=("NN701",),
        needs=(TRAINS,),
    ),
    Bullet(
        "regularize",
        "smaller-batch",
        "smaller batch size",
        Stage.REGULARIZE,
        missing="no run is known to train in batches of 32 or less",
        next="try a smaller batch: with batch norm it regularises more",
        needs=(DATASET,),
    ),
    Bullet(
        "regularize",
        "drop",
        "drop, carefully with batch norm",
        Stage.REGULARIZE,
        missing="nothing that is trained drops any of its activations",
        next="add `nn.Dropout` before the head, or `nn.Dropout2d` behind convolutions",
        contradicting=("NN311", "NN312"),
        needs=(TRAINS,),
    ),
    Bullet(
        "regularize",
        "weight-decay",
        "weight decay",
        Stage.REGULARIZE,
        missing="no optimizer decays the weights",
        next="increase the weight decay: `AdamW(…, weight_decay=0.05)`",
        needs=(TRAINS,),
    ),
    Bullet(
        "regularize",
        "early-stopping",
        "early stopping",
        Stage.REGULARIZE,
        missing="no run ends by what it measures",
        next="stop when the validation loss has not improved for some epochs",
        needs=(TRAINS,),
    ),
    Bullet(
        "regularize",
        "larger-model",
        "try a larger model",
        Stage.REGULARIZE,
        unseen="source does not show which sizes were tried",
        next="train a larger model and stop it early: that is often better than a small one",
        needs=(TRAINS,),
    ),
)

_TUNE = (
    Bullet(
        "tune",
        "random-search",
        "random over grid search",
        Stage.TUNE,
        missing="no run searches hyper-parameters at random",
        next="draw the values of each run at random, as Optuna or a sweep with `method: random` do",
        contradicting=("NN607",),
        needs=(TRAINS,),
    ),
    Bullet(
        "tune",
        "few-parameters",
        "tune the few parameters that matter",
        Stage.TUNE,
        unseen="source shows only the searches that were kept",
        next="search over the learning rate and two or three more, and fix the rest",
        needs=(TRAINS,),
    ),
)

_SQUEEZE = (
    Bullet(
        "squeeze",
        "ensembles",
        "ensembles, or distillation of one",
        Stage.SQUEEZE,
        missing="no run averages several models, and none learns from another",
        next="average the predictions of a few models that were trained from other seeds",
        needs=(TRAINS,),
    ),
    Bullet(
        "squeeze",
        "leave-it-training",
        "leave it training",
        Stage.SQUEEZE,
        unseen="source does not show for how long it was left",
        next="train on while the validation loss still falls",
        needs=(TRAINS,),
    ),
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
