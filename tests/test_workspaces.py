"""Imports that lead out of a file's own project: workspaces, environments, `src`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from training_scripts import HEAD, HEADED

from nnlint.cli import run
from nnlint.project.modules import ProjectModules
from nnlint.project.sources import ACTIVE, SourceRoots

TRAIN = HEADED.replace("from head", "from acme.head")
"""NN401 on row 8, where the head is known."""


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    """A repository with a project that imports from another one."""
    for name in (*ACTIVE, "NNLINT_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    write({"apps/train/train.py": TRAIN, "apps/train/pyproject.toml": "[project]\nname = 'train'"})
    return root


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def package(top: str, pyproject: str = "[project]\nname = 'acme'") -> None:
    """A project that holds the head, its package in a folder."""
    project = "/".join(Path(top).parts[:2])
    write(
        {
            f"{project}/pyproject.toml": pyproject,
            f"{top}/acme/__init__.py": "",
            f"{top}/acme/head.py": HEAD,
        }
    )


def reported(capfd, *arguments: str) -> bool:
    """Whether the loss is reported, which takes knowing the head."""
    run(["--select", "NN401", "--output-format", "concise", *arguments])
    return "train.py:8" in capfd.readouterr().out


UV = "[tool.uv.workspace]\nmembers = ['packages/*', 'apps/*']\n"


@pytest.mark.parametrize(
    ("root", "top", "pyproject"),
    [
        (UV, "packages/core/src", ""),
        (UV, "packages/core", ""),
        (UV, "packages/core/lib", "[tool.setuptools.package-dir]\n'' = 'lib'\n"),
        (UV, "packages/core/lib", "[tool.setuptools.packages.find]\nwhere = ['lib']\n"),
        (UV, "packages/core/lib", "[tool.uv.build-backend]\nmodule-root = 'lib'\n"),
        (UV, "packages/core/lib", "[tool.pdm.build]\npackage-dir = 'lib'\n"),
        (
            UV,
            "packages/core/lib",
            "[tool.hatch.build.targets.wheel]\npackages = ['lib/acme']\n",
        ),
        (
            UV,
            "packages/core/lib",
            "[tool.poetry]\npackages = [{include = 'acme', from = 'lib'}]\n",
        ),
        ("[tool.pdm.workspace]\nmembers = ['packages/core']\n", "packages/core/src", ""),
        ("[tool.rye.workspace]\nmembers = ['packages/*']\n", "packages/core/src", ""),
        (
            "[tool.hatch.envs.default]\nworkspace.members = ['packages/*']\n",
            "packages/core/src",
            "",
        ),
        (
            "[tool.hatch.envs.dev]\nworkspace.members = [{path = 'packages/core'}]\n",
            "packages/core/src",
            "",
        ),
        ("[tool.uv.sources]\nacme = {path = 'packages/core'}\n", "packages/core/src", ""),
        (
            "[tool.poetry.dependencies]\nacme = {path = 'packages/core', develop = true}\n",
            "packages/core/src",
            "",
        ),
    ],
)
def test_members_of_a_workspace_are_found(capfd, root, top, pyproject):
    package(top, pyproject)
    assert not reported(capfd, "--no-cache")
    write({"pyproject.toml": root})
    assert reported(capfd, "--no-cache", "apps/train")


@pytest.mark.parametrize(
    "root",
    [
        "[tool.uv.workspace]\nmembers = ['packages/*']\nexclude = ['packages/core']\n",
        "[tool.uv.workspace]\nmembers = 'packages/*'\n",
        "[tool.uv]\nworkspace = 3\n",
        "[tool.uv.workspace]\nmembers = ['nothing/*', 1]\n",
        "not toml",
    ],
)
def test_what_is_no_member_is_not_found(capfd, root):
    package("packages/core/src")
    write({"pyproject.toml": root})
    assert not reported(capfd, "--no-cache", "apps/train")


def test_a_module_that_two_members_have_is_a_guess(capfd):
    package("packages/core/src")
    package("packages/other/src")
    write({"pyproject.toml": UV})
    assert not reported(capfd, "--no-cache", "apps/train")


def test_what_is_not_installed_is_no_module_of_others(repository):
    package("packages/core")
    write({"pyproject.toml": UV, "packages/core/tests/__init__.py": ""})
    modules = ProjectModules()
    importer = str(repository / "apps/train/train.py")
    assert modules.leads("acme.head", importer)
    assert modules._find("tests", str(repository / "apps/train"))[0] is None


def environment(folder: Path) -> Path:
    """An environment, and where it has what is installed."""
    site = folder / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("")
    return site


@pytest.mark.parametrize("name", [".venv", "venv", "VIRTUAL_ENV"])
@pytest.mark.parametrize("how", ["pth", "relative pth", "direct_url"])
def test_what_is_installed_as_editable_is_found(
    capfd, tmp_path, monkeypatch, repository, name, how
):
    outside = tmp_path / "elsewhere" / "core"
    monkeypatch.chdir(tmp_path)
    package("elsewhere/core/src")
    monkeypatch.chdir(repository)
    if name in ACTIVE:
        monkeypatch.setenv(name, str(tmp_path / "env"))
        site = environment(tmp_path / "env")
    else:
        site = environment(repository / name)
    if how == "direct_url":
        (site / "acme-1.0.dist-info").mkdir()
        told = {"url": outside.as_uri(), "dir_info": {"editable": True}}
        (site / "acme-1.0.dist-info" / "direct_url.json").write_text(json.dumps(told))
    else:
        path = outside / "src"
        if how == "relative pth":
            path = Path("../" * len(site.parts[1:])) / path.relative_to("/")
        (site / "_acme.pth").write_text(f"# acme\nimport os; os.abort()\n{path}\n")
    assert reported(capfd, "--no-cache", "apps/train")


@pytest.mark.parametrize(
    "told",
    [
        {"url": "https://example.org/acme.git", "dir_info": {"editable": True}},
        {"url": "file:///elsewhere", "dir_info": {}},
        {"url": 3, "dir_info": {"editable": True}},
        [],
    ],
)
def test_what_is_installed_otherwise_is_not(repository, told):
    site = environment(repository / ".venv")
    (site / "acme-1.0.dist-info").mkdir()
    (site / "acme-1.0.dist-info" / "direct_url.json").write_text(json.dumps(told))
    (site / "odd.pth").write_bytes(b"\xff\x00\n")
    assert SourceRoots().of(str(repository / "apps/train")) == ()


def test_packages_of_another_environment_are_nobodys_project(repository):
    site = environment(repository / ".venv")
    others = repository / "others"
    (others / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "others.pth").write_text(f"{others}\n")
    assert SourceRoots().of(str(repository / "apps/train")) == ()


def test_what_another_environment_has_installed_is_installed(tmp_path, repository):
    site = environment(repository / ".venv")
    shared = environment(tmp_path / "shared")
    (shared / "numpy").mkdir()
    (site / "shared.pth").write_text(f"{shared}\n")
    assert SourceRoots().of(str(repository / "apps/train")) == ()
    assert ProjectModules().knows("numpy", str(repository / "apps/train/train.py"))


def test_src_is_a_list_of_globs(capfd):
    package("libs/core/python")
    assert not reported(capfd, "--no-cache", "apps/train")
    write({"nnlint.toml": "src = ['nowhere', 'libs/*/python']\n"})
    # the nearest configuration counts, and a project of its own has none here
    assert reported(capfd, "--no-cache", "apps/train")


@pytest.mark.parametrize("how", ["workspace", "src", "module"])
def test_the_cache_sees_where_imports_lead_to_by_now(capfd, how):
    assert not reported(capfd, "apps/train")
    if how == "module":
        write({"pyproject.toml": UV, "packages/core/pyproject.toml": ""})
        Path("packages/core/src").mkdir()
        assert not reported(capfd, "apps/train")
    package("packages/core/src")
    if how == "src":
        write({"nnlint.toml": "src = ['packages/*/src']\n"})
    write({"pyproject.toml": UV} if how != "src" else {})
    assert reported(capfd, "apps/train")
    Path("packages/core/src/acme/head.py").unlink()
    assert not reported(capfd, "apps/train")


def test_what_is_imported_and_not_found_is_told(capfd, repository):
    site = environment(repository / ".venv")
    (site / "installed").mkdir()
    write(
        {
            "apps/train/other.py": "import torch, installed, numpy as np, os\n"
            "from acme.head import Head\nfrom . import sibling\n"
            "try:\n    import optional\nexcept ImportError:\n    pass\n",
            "apps/train/sibling.py": "",
            "apps/train/plain.py": "import gone_too\n",
        }
    )
    run(["--no-cache", "-v", "apps/train"])
    told = capfd.readouterr().err.splitlines()
    assert [line for line in told if "not found" in line] == [
        "acme.head is imported and not found: apps/train/other.py:2 and 1 other file"
    ]
    assert told[-1] == "`src` in the configuration names folders that imports start from"
    package("packages/core/src")
    write({"pyproject.toml": UV})
    run(["--no-cache", "-v", "apps/train"])
    assert "not found" not in capfd.readouterr().err
