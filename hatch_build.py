"""Builds wheels, compiled where NNLINT_MYPYC=1 asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GROUP = "nnlint"
# the compiler trusts what it has inferred: all fixtures have passed with this version
COMPILER = "mypy[mypyc]==2.4.1"


class CompilingHook(BuildHookInterface):
    """Compiles modules with mypyc, and puts the extensions beside them into the wheel.

    The option `compiled` lists the modules, as patterns; `interpreted` those that are left out.
    """

    def dependencies(self) -> list[str]:
        """What the build needs: nothing more, unless it compiles."""
        if not _is_asked_for():
            return []
        # types of these packages that are not known would be taken for any
        return [COMPILER, *self.metadata.core.dependencies]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the wheel is for an editable installation."""
        if version == "editable" or not _is_asked_for():
            return
        root = Path(self.root)
        left_out = {file for p in self.config["interpreted"] for file in root.glob(p)}
        files = sorted({f for p in self.config["compiled"] for f in root.glob(p)} - left_out)
        self._work = work = Path(tempfile.mkdtemp(prefix="nnlint-"))
        shutil.copytree(root / "nnlint", work / "nnlint")
        # beside no `pyproject.toml`, of which setuptools would read what is not its own
        shutil.copyfile(root / "pyproject.toml", work / "types.toml")
        names = [file.relative_to(root).as_posix() for file in files]
        subprocess.run([sys.executable, os.path.abspath(__file__), *names], cwd=work, check=True)
        extensions = [file for file in (work / "built").rglob("*") if file.is_file()]
        for file in extensions:
            build_data["force_include"][str(file)] = file.relative_to(work / "built").as_posix()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take the intermediate files away."""
        if hasattr(self, "_work"):
            shutil.rmtree(self._work)


def _is_asked_for() -> bool:
    return os.environ.get("NNLINT_MYPYC", "") not in ("", "0")


def _compile(files: list[str]) -> None:
    """Compile modules of the folder it runs in; the extensions are put below `built`."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    class ParallelBuild(build_ext):
        """Compiles the C files of an extension side by side."""

        def build_extension(self, ext: Any) -> None:
            options = {"include_dirs": ext.include_dirs, "extra_postargs": ext.extra_compile_args}

            def compiled(source: str) -> list[str]:
                found = self.compiler.compile([source], output_dir=self.build_temp, **options)
                return list(found)

            with ThreadPoolExecutor(os.cpu_count()) as pool:
                ext.extra_objects = [o for part in pool.map(compiled, ext.sources) for o in part]
            ext.sources = []
            super().build_extension(ext)

    # one C file for all modules takes compilers hours, at more than -O1 the gain is lost in noise
    extensions = mypycify(
        ["--config-file", "types.toml", *files],
        opt_level="1",
        debug_level="0",
        multi_file=True,
        group_name=GROUP,
    )
    command = ParallelBuild(Distribution({"name": GROUP, "ext_modules": extensions}))
    command.build_lib, command.build_temp = "built", "temporary"
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    _compile(sys.argv[1:])
