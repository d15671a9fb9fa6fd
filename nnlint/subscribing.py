"""Whether what a rule subscribes to exists: a misspelt kind would make it silent for ever."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from nnlint.packs import RulePackError
from nnlint.rule import Builds, Calls, Rule
from nnlint.semantics.library import BUILT_KINDS, Library, load_library
from nnlint.text import hint, hint_or_choice

CALLED_KINDS = frozenset({"operation", "layer", "loss"})
"""Kinds of what is called in the flow of tensors."""
_CALLED_ANYHOW = frozenset({"wrapper", "seed", "launcher", "split", "draw"})
"""Kinds of which a call means something else than that an object is built."""


def check_subscriptions(rule: Rule) -> None:
    """Make sure that there is what a rule subscribes to.

    Raises:
        RulePackError: there is no such kind or family; the message has the closest.
    """
    for subscription in rule.on:
        if isinstance(subscription, Calls | Builds):
            told = _wrong(subscription, load_library())
            if told:
                row = rule.check.__code__.co_firstlineno
                raise RulePackError(f"{rule.source}:{row}: {rule.name}: {told}")


def subscribed_names(rules: Iterable[Rule]) -> frozenset[str]:
    """The names in source by which rules' subscriptions can be meant."""
    return frozenset(
        name
        for rule in rules
        for subscription in rule.on
        if isinstance(subscription, Calls | Builds)
        for name in _names(load_library(), subscription)
    )


@lru_cache(maxsize=256)
def _names(library: Library, subscription: Calls | Builds) -> frozenset[str]:
    return library.last_names(
        library.names(kinds=subscription.kinds, families=subscription.families)
    )


def _wrong(subscription: Calls | Builds, library: Library) -> str:
    """What there is not of what is subscribed to; empty if all is there."""
    called = isinstance(subscription, Calls)
    kinds = CALLED_KINDS if called else built_kinds(library)
    for kind in sorted(subscription.kinds - kinds):
        if called and kind in built_kinds(library):
            return f"{_one(kind)} is built and not called: subscribe to `Builds(kind={kind!r})`"
        if not called and kind in CALLED_KINDS:
            return f"{_one(kind)} is called and not built: subscribe to `Calls(kind={kind!r})`"
        return f"there is no kind `{kind}`{hint_or_choice(kind, kinds)}"
    asked = subscription.kinds or kinds
    families = library.words("family", library.names(kinds=asked))
    for family in sorted(subscription.families - families):
        of = f" of the kind {' or '.join(sorted(asked))}" if subscription.kinds else ""
        return f"there is no family `{family}`{of}{hint(family, families)}"
    return ""


@lru_cache(maxsize=2)
def built_kinds(library: Library) -> frozenset[str]:
    """Kinds of what is built first and used later."""
    of_classes = library.words("kind", library.names(calls=frozenset({"class"})))
    return BUILT_KINDS | of_classes - _CALLED_ANYHOW - {""}


def _one(kind: str) -> str:
    return f"an {kind}" if kind.startswith(tuple("aeiou")) else f"a {kind}"
