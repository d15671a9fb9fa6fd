"""A run over several machines: its options, and the cluster that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from nnlint.config import ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from nnlint.sharding import Shard


def machines_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options by which a run is spread over machines."""
    for option in (
        click.option(
            "--executor", metavar="dask://HOST:PORT", help="Check files on a cluster of Dask."
        ),
        click.option(
            "--merge",
            multiple=True,
            type=click.Path(dir_okay=False),
            help="Take what a shard found from its results instead of linting.",
        ),
        click.option(
            "--write-results",
            type=click.Path(dir_okay=False),
            help="Write what was found there, for --merge.",
        ),
        click.option(
            "--shard", metavar="NUMBER/OF", help="Lint one of several parts of the files."
        ),
    ):
        command = option(command)
    return command


def shard_of(options: dict[str, Any]) -> Shard | None:
    """The part of the files that is asked for; None for all.

    Raises:
        ConfigError: it is no part, or goes with an option that needs all.
    """
    from nnlint.sharding import Shard

    if options["shard"] is None:
        return None
    for name in (
        # the first one is a `fix` by now
        *("fix_only", "fix", "diff", "write_baseline", "prune_baseline", "diff_base", "merge"),
        *("verify", "statistics"),
    ):
        if options[name]:
            raise ConfigError(
                f"--shard: --{name.replace('_', '-')} needs all files: give it where the "
                "results are merged"
            )
    return Shard.of_text(options["shard"])


@contextmanager
def cluster(address: str | None) -> Iterator[tuple[Executor | None, int | None]]:
    """Where to run checks, and how many at once; None for processes of this machine.

    Raises:
        ConfigError: the address is none, nobody is there, or Dask is not installed.
    """
    if address is None:
        yield None, None
        return
    scheme, separator, place = address.partition("://")
    if scheme != "dask" or not separator or not place:
        raise ConfigError(f"--executor: `{address}` is not dask://HOST:PORT")
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError("--executor needs Dask: `pip install nnlint[dask]`") from error
    try:
        client = Client(f"tcp://{place}", timeout="10s")
    except (OSError, ValueError) as error:
        raise ConfigError(f"--executor: nothing answers at {address}: {error}") from error
    with client:
        # a file is checked once: what two runs ask for is never taken for the same
        yield client.get_executor(pure=False), max(1, sum(client.ncores().values()))
