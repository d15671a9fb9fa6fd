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
_IMPORTS = re.compile(
    rb"^(?:\xef\xbb\xbf)?[ \t]*(?:from|import)[ \t]+(?:[\w.,; \t]*\b)?(?:"
    + "|".join(LIBRARIES).encode()
    + rb")\b",
    re.MULTILINE,
)
_IN_NOTEBOOK = re.compile(rb"(?:from|import)\s+(?:" + "|".join(LIBRARIES).encode() + rb")\b")


def takes_part(raw: bytes, is_notebook: bool = False) -> bool:
    """Whether a file imports a library of the PyTorch ecosystem."""
    if b"\r" in raw and b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    return bool((_IN_NOTEBOOK if is_notebook else _IMPORTS).search(raw))
