"""Stand-ins for what a module imports and this environment does not have."""

from __future__ import annotations

from typing import Any

from torch import nn


class LooseModule(nn.Module):
    """A base class for modules whose framework is missing: logging and saving do nothing."""

    def save_hyperparameters(self, *args: Any, **kwargs: Any) -> None:
        """Lightning's; nothing to save here."""

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Lightning's; nobody listens here."""

    log_dict = log


NOTED: list[str] = []
"""Why names are missing, in the order in which they were found to be."""


class Missing:
    """A name that could not be imported or computed: it can be passed on, not used.

    Decorators return what they decorate; a base class called `…Module` is a plain module.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.__name__ = name
        self._reason = reason
        if reason not in NOTED:
            NOTED.append(reason)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}", self._reason)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and (isinstance(args[0], type) or callable(args[0])):
            if not isinstance(args[0], Missing):
                return args[0]
        return Missing(f"{self.__name__}(…)", self._reason)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        if self.__name__.endswith("Module"):
            return (LooseModule,)
        return (_Empty,)

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Any:
        raise ImportError(f"{self.__name__} is missing: {self._reason}")

    def __repr__(self) -> str:
        return f"<missing {self.__name__}: {self._reason}>"


class _Empty:
    """A base class that has nothing."""
