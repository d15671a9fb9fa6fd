"""Evidence that duplicate examples are looked for."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.showing import shown_values
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence

_FINDS = frozenset(
    {"duplicated", "drop_duplicates", "find_duplicates", "find_duplicates_to_remove"}
)
_HASHES = frozenset(
    "average_hash phash dhash whash colorhash crop_resistant_hash md5 sha1 sha256 blake2b "
    "file_digest xxh64 xxh3_64".split()
)


def duplicates(context: Context) -> Iterator[Evidence]:
    """A run drops or shows examples that occur twice, or compares examples by their hashes."""
    for run in context.runs:
        shown: set[int] | None = None
        for call in context.calls(run):
            if call.is_own:
                continue
            if call.last_name in _FINDS:
                yield context.done(call.site, "looks for examples that occur twice")
            elif call.last_name in _HASHES and not call.name.startswith("builtins."):
                if shown is None:
                    shown = shown_values(context, run)
                if id(call.result) in shown:
                    yield context.done(call.site, "compares examples by their hashes")
