"""The wheel: what is in it, and that it works as the source tree does."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    [built] = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_is_pure(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")


def test_wheel_holds_every_file_of_the_packages(names: set[str]) -> None:
    for top, package in ((ROOT, "nnlint"), (ROOT / "rules", "nnlint_rules")):
        files = {
            path.relative_to(top).as_posix()
            for path in (top / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert len(files) > 10
        assert files <= names
    assert {"nnlint/py.typed", "nnlint/semantics/library/torch_losses.toml"} <= names


def test_wheel_holds_nothing_else(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"nnlint", "nnlint_rules"}


def test_compiler_is_needed_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNLINT_MYPYC", raising=False)
    assert WheelBuilder(str(ROOT)).config.dependencies == []
    monkeypatch.setenv("NNLINT_MYPYC", "1")
    needed = WheelBuilder(str(ROOT)).config.dependencies
    assert any(name.startswith("mypy[mypyc]") for name in needed)
    # of a package that is missing the compiler knows no types
    assert any(name.startswith("libcst") for name in needed)


def test_editable_installation_is_never_compiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NNLINT_MYPYC", "1")
    hook = WheelBuilder(str(ROOT)).get_build_hooks(str(tmp_path))["custom"]
    build_data = {"force_include": {}, "pure_python": True}
    hook.initialize("editable", build_data)
    assert build_data == {"force_include": {}, "pure_python": True}


def test_sdist_can_be_compiled(tmp_path: Path) -> None:
    [built] = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as archive:
        assert any(name.endswith("/hatch_build.py") for name in archive.getnames())


def test_installed_wheel_does_what_the_tree_does(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    found = [lint_example(path, tmp_path) for path in ([site], [ROOT, ROOT / "rules"])]
    assert found[0] == found[1]
    assert "view-mixes-batch" in found[0]


def lint_example(path: list[Path], folder: Path) -> str:
    """What nnlint prints about the example when its packages are taken from `path`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    program = (
        "import nnlint, nnlint_rules, sys; from pathlib import Path\n"
        "folders = [Path(m.__file__).parent.parent for m in (nnlint, nnlint_rules)]\n"
        f"assert set(folders) == set(map(Path, {[str(p) for p in path]})), folders\n"
        "from nnlint.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "examples"), "--no-cache"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (1, "")
    return result.stdout
