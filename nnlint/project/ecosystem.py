"""Which files can matter: decided on their bytes, before anything is parsed."""

from __future__ import annotations

import re

LIBRARIES = (
    "torch",
    "lightning",
    "pytorch_lightning",
    "transformers",
    "accelerate",
    "torchvision",
    "timm",
    "fastai",
    "ignite",
    "albumentations",
    "kornia",
    "einops",
    "monai",
    "segmentation_models_pytorch",
)
_ON_ONE_ROW = rb"(?:(?:(?:try|else|finally)[ \t]*|(?:if|elif|except|with)\b[^\n:#]*):[ \t]*)?"
"""What an import may stand behind on its row: `try: import torch`."""
_IMPORT = re.compile(
    rb"^(?:\xef\xbb\xbf)?[ \t\f]*"
    + _ON_ONE_ROW
    + rb"(?:from|import)(?:[ \t\f]|\\\r?\n)((?:[\w.,; \t\f]+|\\\r?\n)*)",
    re.MULTILINE,
)
"""An import and its names, however many rows it takes: each is read once."""
_LIBRARY = re.compile(rb"\b(?:" + "|".join(LIBRARIES).encode() + rb")\b")
_MAIN = re.compile(rb"^if[ \t(]+__name__[ \t]*==[ \t]*['\"]__main__['\"]", re.MULTILINE)
_FROM_PROJECT = re.compile(rb"^[ \t]*from[ \t]+(?!__future__\b)[.\w]+[ \t]+import\b", re.MULTILINE)
_STARRED = re.compile(rb"^[ \t]*from[ \t]+[.\w]+[ \t]+import[ \t]*\*", re.MULTILINE)
_HANDED_ON = re.compile(rb"\b(?:torch|nn|F|optim)\.\w")
"""What a project's modules hand on with a star: `torch` and its parts under their usual names."""
_TRAINS = (re.compile(rb"\.backward[ \t]*\("), re.compile(rb"\.zero_grad[ \t]*\("))
_HANDLES_MODULES = re.compile(
    rb"\.(?:named_children|named_modules|named_parameters|load_state_dict|state_dict"
    rb"|requires_grad_)[ \t]*\("
)
"""Methods that modules of PyTorch have: what calls one is handed a module."""
_FLAGS, _OWN_FLAGS = re.compile(rb"\.requires_grad\b"), re.compile(rb"\bself\.requires_grad\b")
"""The flag of a tensor, and that of classes which are tensors of another library themselves."""
_OTHER_FRAMEWORKS = re.compile(
    rb"^[ \t]*(?:from|import)[ \t]+(?:paddle|tensorflow|keras|jax|flax|mxnet|oneflow|mindspore"
    rb"|tinygrad|chainer)\b",
    re.MULTILINE,
)
_SPLITS = re.compile(
    rb"\b(?:train_test_split|cross_val_(?:score|predict)|cross_validate|GridSearchCV|RandomizedSearchCV"
    rb"|\w*KFold|\w*ShuffleSplit|TimeSeriesSplit|Leave\w+Out)[ \t]*\("
)
_FITS = re.compile(rb"\.(?:fit|fit_transform|fit_resample)[ \t]*\(")
_LEARNS = re.compile(rb"(?:from|import)[ \t]+(?:sklearn|imblearn)\b")
"""A program whose model is scikit-learn's takes part where it splits its data and fits."""
_IN_NOTEBOOK = re.compile(rb"(?:from|import)\s+(?:" + "|".join(LIBRARIES).encode() + rb")\b")


def takes_part(raw: bytes, is_notebook: bool = False) -> bool:
    """Whether a file imports a library of the PyTorch ecosystem, or works with one that others do.

    It may start a module that imports it, have its names through a star, or train what it is
    given, or handle modules by their own methods, or split its data and fit what scikit-learn has.
    """
    if b"\r" in raw and b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    if all(said.search(raw) for said in (_LEARNS, _SPLITS, _FITS)):
        return True
    if is_notebook:
        return bool(_IN_NOTEBOOK.search(raw))
    return bool(
        any(_LIBRARY.search(found[1]) for found in _IMPORT.finditer(raw))
        or (_MAIN.search(raw) and _FROM_PROJECT.search(raw))
        or (_STARRED.search(raw) and _HANDED_ON.search(raw))
        or all(called.search(raw) for called in _TRAINS)
        or (_works_on_models(raw) and not _OTHER_FRAMEWORKS.search(raw))
    )


def _works_on_models(raw: bytes) -> bool:
    """Whether a file names what modules and tensors of PyTorch have."""
    if _HANDLES_MODULES.search(raw):
        return True
    return bool(_FLAGS.search(raw)) and not _OWN_FLAGS.search(raw)
