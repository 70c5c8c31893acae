"""The layout's promises: who may import whom, what stays free of torch, and how long things may get."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("srl_agent", "envs", "trajectories", "math_track")
FORBIDDEN = {
    "trajectories": {"srl_agent", "envs", "math_track"},
    "envs": {"srl_agent", "math_track"},
    "math_track": {"envs"},
    "srl_agent": {"math_track"},
}
LIGHT_MODULES = (
    "trajectories",
    "trajectories.formats",
    "envs",
    "envs.record",
    "srl_agent.config",
    "srl_agent.config_load",
    "srl_agent.cli",
    "srl_agent.swe_eval.harness",
    "srl_agent.swe_eval.reports",
    "srl_agent.scripted",
    "srl_agent.patchers.agent",
    "srl_agent.patchers.agentless",
    "srl_agent.patchers.keep",
    "srl_agent.patchers.oracle",
    "srl_agent.patchers.places",
)
HEAVY = ("torch", "transformers", "trl", "datasets", "accelerate")
PARSERS = {"msgspec", "backports", "compression", "datasketch", "tree_sitter", "tree_sitter_bash"}
"""Small parsers that `trajectories` may import besides the standard library."""
ON_DEMAND = {
    "trajectories/tables.py": {"pyarrow"},
    "trajectories/hub.py": {"datasets", "huggingface_hub", "httpx"},
}
"""What these modules import inside functions, when such data are read; that it is only then, test_sources.py holds."""
MAX_MODULE_LINES = 300
FUNCTION_LINES, SHARE_BELOW = 30, 0.9


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of the modules that a file imports, at any depth; an empty name for a relative import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "" if node.level else node.module or ""


def top_names(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(parse(path))}


def offenders(package: str, forbidden: set[str]) -> dict[str, set[str]]:
    found = {str(path.relative_to(ROOT)): top_names(path) & forbidden for path in modules(package)}
    return {path: names for path, names in found.items() if names}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_modules_to_look_at(package: str) -> None:
    assert modules(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_import_arrows_point_down_only(package: str) -> None:
    assert offenders(package, FORBIDDEN[package]) == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_are_absolute(package: str) -> None:
    assert offenders(package, {""}) == {}


@pytest.mark.parametrize("package", ["trajectories", "envs"])
def test_the_lower_packages_never_import_the_training_libraries(package: str) -> None:
    found = offenders(package, set(HEAVY))
    assert {path: names for path, names in found.items() if names - ON_DEMAND.get(path, set())} == {}


def test_trajectories_imports_the_standard_library_and_small_parsers_only() -> None:
    known = set(sys.stdlib_module_names) | PARSERS | {"trajectories"}
    foreign = {str(path.relative_to(ROOT)): top_names(path) - known for path in modules("trajectories")}
    assert {path: names for path, names in foreign.items() if names} == ON_DEMAND


def test_one_module_touches_trl() -> None:
    everywhere = {path for package in PACKAGES for path in offenders(package, {"trl"})}
    assert everywhere == {"srl_agent/trl_trainer.py"}


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_light_modules_import_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_docker_holds_no_python() -> None:
    # A docker/__init__.py would shadow the Docker SDK in a checkout.
    assert (ROOT / "docker").is_dir()
    assert list((ROOT / "docker").rglob("*.py")) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_opens_with_a_docstring(package: str) -> None:
    assert [path for path in modules(package) if not ast.get_docstring(parse(path))] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_stay_short(package: str) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(package)}
    assert {path: length for path, length in lengths.items() if length > MAX_MODULE_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_nine_in_ten_functions_stay_short(package: str) -> None:
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for path in modules(package)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    )
    short = sum(length < FUNCTION_LINES for length in lengths)
    assert short >= SHARE_BELOW * len(lengths), lengths[int(SHARE_BELOW * len(lengths)) :]


def test_the_walk_sees_imports_inside_functions() -> None:
    tree = ast.parse("def f():\n    import torch.nn as nn\n    from trl import x\n    from . import y\n")
    assert list(imported(tree)) == ["torch.nn", "trl", ""]
