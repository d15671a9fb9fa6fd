"""Which methods a value has, and what a method belongs to."""

from __future__ import annotations

import re

from nnlint.semantics.values import (
    RECEIVER,
    BoundMethod,
    Built,
    Choice,
    External,
    Function,
    Instance,
    Tensor,
    Unknown,
    Value,
)

MODEL_NAME = re.compile(
    r"(?:^|_)(?:model|net|network|encoder|decoder|backbone|generator|discriminator|critic|actor|"
    r"policy|teacher|student|classifier|features|fc|(?:res|dense|alex|mobile|efficient)net|vgg|"
    r"bert|roberta|gpt|vit|module|layer|conv|unet|q_?net|net_?[gd])_?\d*$|^net[GD]$|model_?\w?$",
    re.IGNORECASE,
)
"""How programs call models and their parts."""
_CALLED_FOR = {
    "eval": MODEL_NAME,
    "train": MODEL_NAME,
    "step": re.compile(r"opt(?!ion)|sched", re.IGNORECASE),
    "zero_grad": re.compile(f"opt(?!ion)|{MODEL_NAME.pattern}", re.IGNORECASE),
    # nothing else in a training program has this attribute
    "backward": re.compile(""),
    "update": re.compile(r"scaler", re.IGNORECASE),
    "unscale_": re.compile(r"scaler", re.IGNORECASE),
    "state_dict": re.compile(f"opt(?!ion)|sched|scaler|{MODEL_NAME.pattern}", re.IGNORECASE),
}
"""How programs call what has a method."""


def receiver_of(method: Value) -> Value | None:
    """What a method that is not called belongs to; None for what is no method."""
    if isinstance(method, BoundMethod):
        return method.receiver
    receiver = method.state.get(RECEIVER) if isinstance(method, Unknown) else None
    return receiver if isinstance(receiver, Value) else None


def has_method(value: Value | None, name: str, called: str = "") -> bool:
    """Whether a value certainly has a method: by what it is, or by what it is called.

    Parameters:
        called: what the program calls it where the method is named.
    """
    match value:
        case Built() | Tensor():
            return True
        case Instance():
            inherited = any(isinstance(a, External) for a in value.cls.ancestry())
            return isinstance(value.cls.find(name), Function) or inherited
        case Choice():
            return all(has_method(option, name, called) for option in value.options)
        case Unknown() if name in _CALLED_FOR:
            words = (value.name.rpartition(".")[2], called.rpartition(".")[2])
            return any(_CALLED_FOR[name].search(word) for word in words)
        case _:
            return False
