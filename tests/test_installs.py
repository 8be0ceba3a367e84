"""Both kinds of install, beside people's own `sim`, `boards` and `rtl_templates`."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from hwgen.formats import Fixed
from hwgen.network import Input, Linear, Network, Node

ROOT = Path(__file__).parent.parent
OURS = {"hwgen", "hwgen_sim", "hwgen_boards", "hwgen_rtl_templates"}
THEIRS = ("sim", "boards", "rtl_templates")

# What a user's script does: names of the project and of another distribution stay theirs, while
# hwgen generates a package, simulates it, and makes a board's design around it.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
import boards, rtl_templates, sim, boards.pins
import hwgen
from hwgen.building.core import board_of
from hwgen.building.design import board_design

plan = hwgen.plan(hwgen.load("net.net"), target="icebreaker", goal="9 fps")
package = hwgen.generate(plan, "out/net")
x = np.arange(6).reshape(3, 2)
result = package.simulate(x, simulator="icarus")
verilog = (package.folder / package.manifest.verilog).read_text()
design = board_design(package.manifest, verilog, board_of("icebreaker"))
import hwgen_boards, hwgen_rtl_templates, hwgen_sim
ours = (hwgen, hwgen_boards, hwgen_rtl_templates, hwgen_sim)
print(json.dumps({
    "equal": result.equal,
    "design": len(design.verilog),
    "owners": [boards.OWNER, boards.pins.OWNER, rtl_templates.OWNER, sim.OWNER],
    "places": [module.__file__ for module in ours],
}))
"""
# as it would fail if anything of hwgen's took these for its own
THEIR_OWN = """OWNER = {!r}
def __getattr__(name):
    raise RuntimeError(name)
"""


def run(*command: object, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        # a new place's first plan would compile Numba's functions for 15 seconds
        env=environment | {"PATH": path, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def packages(folder: Path, names: tuple[str, ...], owner: str) -> None:
    """Write packages that are somebody else's."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for file in ("__init__.py", "pins.py"):
            (folder / name / file).write_text(THEIR_OWN.format(owner))


def install(python: Path, *what: object) -> None:
    """Install with what is here: neither a network nor an environment of its own for the build."""
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    pip = (sys.executable, "-m", "pip", "--python", python, "install")
    run(*pip, *options, *what, cwd=python.parent)


@pytest.fixture(scope="module", params=["wheel", "editable"])
def python(request, tmp_path_factory):
    """Python of a new environment with hwgen in it, and what it depends on from ours."""
    folder = tmp_path_factory.mktemp(request.param)
    run(sys.executable, "-m", "venv", "--without-pip", "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "ours.pth").write_text(sysconfig.get_path("purelib"))
    install(python, *(["--editable"] if request.param == "editable" else []), ROOT)
    return python


@pytest.fixture
def project(tmp_path):
    """A user's folder with a network."""
    linear = Linear(np.array([[1, -2], [3, 4]]), np.array([5, -6]), Fixed(4), [1.0])
    nodes = (
        Node("x", Input((2,), Fixed(4, signed=False), [1.0], 0)),
        Node("linear", linear, ("x",)),
    )
    Network(nodes).save(tmp_path / "net.net")
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def test_beside_a_project_with_names_of_its_own(python, project):
    packages(project, THEIRS, "project")
    found = json.loads(run(python, "script.py", cwd=project).splitlines()[-1])
    assert found["equal"] and found["design"] > 1000 and found["owners"] == ["project"] * 4
    for place in found["places"]:
        assert Path(place).is_relative_to(installed_in(python))
    assert boards(python, "-m", "hwgen", cwd=project)


def boards(*command: object, cwd: Path) -> list[object]:
    targets = json.loads(run(*command, "targets", "--json", "-", cwd=cwd))
    return [target["board"] for target in targets if target["board"]]


def test_beside_another_distribution(python, project):
    other = project / "elsewhere"
    packages(other, THEIRS, "distribution")
    (other / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "pins-of-boards"\nversion = "1"\n'
        f"[tool.hatch.build.targets.wheel]\npackages = {list(THEIRS)}\n"
    )
    install(python, other)
    code = "import boards, sim; import hwgen.building, hwgen.simulation; print(boards.OWNER)"
    assert run(python, "-c", code, cwd=project) == "distribution\n"
    assert boards(python.with_name("hwgen"), cwd=project)


def test_what_lands_in_the_environment(python):
    """Names of our own alone, and each with all its files."""
    root = installed_in(python)
    there = {path.name for path in root.iterdir() if (path / "__init__.py").is_file()}
    assert there - set(THEIRS) == OURS
    assert root.name == "site-packages" or there == OURS
    for name in OURS:
        found = tree(root / name)
        assert found == tree(ROOT / name.removeprefix("hwgen_"))
        assert any(path.endswith(".py") for path in found)


def installed_in(python: Path) -> Path:
    """Return the folder that holds hwgen: the environment's, or that of the links."""
    (site,) = (python.parents[1] / "lib").glob("python*/site-packages")
    links = [Path(path.read_text().strip()) for path in site.glob("*hwgen.pth")]
    return links[0] if links else site


def tree(folder: Path) -> set[str]:
    folder = folder.resolve()
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if "__pycache__" not in path.parts}
