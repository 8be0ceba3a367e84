"""The command line, as a user's shell runs it."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from support.commands import SCRIPT, hwgen
from support.known import digits


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a stored network, and a `sim` of the user's own that must not be in the way."""
    folder = tmp_path_factory.mktemp("user")
    digits(channels=6).save(folder / "digits.net")
    (folder / "sim").mkdir()
    (folder / "sim" / "__init__.py").write_text("raise RuntimeError('the user's own sim')\n")
    hwgen(
        "generate", "digits.net", "--goal", "200000 fps", "-o", "out/digits", cwd=folder, anew=True
    )
    return folder


def test_help_has_an_example_for_every_verb(tmp_path):
    listed = hwgen("--help", cwd=tmp_path)
    for verb in (
        "demo",
        "compress",
        "import",
        "plan",
        "generate",
        "simulate",
        "cost",
        "compare",
        "report",
        "targets",
        "doctor",
    ):
        assert verb in listed
        assert f"Example: hwgen {verb}" in " ".join(hwgen(verb, "--help", cwd=tmp_path).split())


def test_plan(folder):
    text = hwgen("plan", "digits.net", cwd=folder)
    assert "conv2" in text and "Bottleneck (*)" in text
    found = json.loads(hwgen("plan", "digits.net", "--json", "-", "--clock", "25", cwd=folder))
    assert found["clock_hz"] == 25_000_000 and found["frames_per_second"] >= 10_000
    assert [layer["name"] for layer in found["layers"]] == [
        "conv1",
        "pool1",
        "conv2",
        "pool2",
        "fc",
    ]


def test_simulate(folder):
    text = hwgen("simulate", "out/digits", "--simulator", "icarus", "--frames", "4", cwd=folder)
    assert "40 of 40" in text
    x = np.random.default_rng(1).integers(0, 16, (2, 1, 8, 8))
    np.save(folder / "x.npy", x)
    options = ("--simulator", "icarus", "--inputs", "x.npy", "--stalls", "0.2", "--json", "-")
    found = json.loads(hwgen("simulate", "out/digits", *options, cwd=folder))
    assert found["equal"] and found["compared"] == 20


def test_simulate_reports_a_difference(folder, tmp_path):
    """A wrong weight in the Verilog is found, and the layer named."""
    broken = tmp_path / "digits"
    shutil.copytree(folder / "out" / "digits", broken)
    verilog = (broken / "digits.v").read_text()
    start = verilog.index("module digits__conv2__weights")
    end = verilog.index("endmodule", start)
    words = re.sub(r"(?<='h)[0-9a-f]{8,}", lambda word: word[0][::-1], verilog[start:end])
    assert words != verilog[start:end]
    (broken / "digits.v").write_text(verilog[:start] + words + verilog[end:])
    options = ("--simulator", "icarus", "--frames", "3", "--json", "-")
    refused = hwgen("simulate", str(broken), *options, cwd=tmp_path, status=1)
    assert "digits.v is not what was generated" in refused and "--changed" in refused
    options += ("--changed",)
    done = subprocess.run(
        [str(SCRIPT), "simulate", str(broken), *options],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 1
    assert "Not what was generated, as --changed allows: digits.v\n" in done.stderr
    assert "conv2" in json.loads(done.stdout)["first_difference"]


def test_cost(folder):
    found = json.loads(
        hwgen("cost", "out/digits", "--stage", "estimate", "--json", "-", cwd=folder)
    )
    assert found["luts"] > 100 and found["target"] == "ulx3s-85f"
    assert "Stage must be one of" in hwgen(
        "cost", "out/digits", "--stage", "x", cwd=folder, status=1
    )


def test_import(folder):
    (folder / "my_task.py").write_text(
        "import torch\n"
        "class Task:\n"
        "    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(),\n"
        "                                torch.nn.Linear(4, 3))\n"
        "    example = torch.rand(1, 6)\n"
        "    calibration = [torch.rand(32, 6)]\n"
        "task = Task()\n"
    )
    text = hwgen("import", "my_task.py:task", "--weights", "int8", "-o", "my.net", cwd=folder)
    assert "Linear" in text and (folder / "my.net").exists()
    assert "compress" in hwgen("import", "my_task.py:task", "-o", "x.net", cwd=folder, status=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan", "none.net"), "none.net: there is no such file"),
        (("plan", "digits.net", "--goal", "soon"), "Goal must be a throughput"),
        (("plan", "digits.net", "--target", "ulx"), "Target must be one of"),
        (("plan", "cut.net"), "cut.net: not a whole safetensors file"),
        (("generate", "digits.net", "-o", "."), "holds files that are not a package's"),
        (("generate", "digits.net", "-o", "digits.net"), "is a file"),
        (("generate", "digits.net", "-o", "/proc/x/y"), "package cannot be written"),
        (("simulate", "."), "is not a package"),
        (("simulate", "out/digits", "--inputs", "digits.net"), "must be a .npy file of integers"),
        (("import", "nothing.py:x", "-o", "x.net"), "nothing.py: there is no such file"),
        (("import", "task", "-o", "x.net"), "FILE.py:NAME"),
        (("demo", "--json", "no/such/folder/x.json"), "its folder must exist"),
    ],
)
def test_the_users_error_is_one_clear_message(folder, arguments, message):
    (folder / "cut.net").write_bytes((folder / "digits.net").read_bytes()[:500])
    text = hwgen(*arguments, cwd=folder, status=1)
    ours = [line for line in text.splitlines() if line.startswith("hwgen: ")]
    assert len(ours) == 1 and message in text


def test_usage_error_has_status_2(tmp_path):
    assert "No such option" in hwgen("plan", "x.net", "--nonsense", cwd=tmp_path, status=2)


def test_module_form_works(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hwgen", "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("hwgen ")


def test_an_interrupt_in_the_middle_of_a_design_says_nothing_of_it():
    code = (
        "import typer\n"
        "from amaranth.hdl import Fragment, Module\n"
        "from hwgen import cli\n"
        "from hwgen_rtl_templates.uart import UartParameters, UartReceiver\n"
        "cli.app = typer.Typer()\n"
        "@cli.app.command()\n"
        "def verb():\n"
        "    half = UartReceiver(UartParameters(8))\n"
        "    Fragment.get(Module(), None)\n"  # before, Amaranth says nothing
        "    raise KeyboardInterrupt\n"
        "cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (130, "")


@pytest.mark.parametrize(
    ("verb", "where", "said"),
    [
        ("plan", "hwgen.planning.search.candidates.LayerCandidates.cheapest", "no plan was made"),
        (
            "generate",
            "hwgen.codegen.package.write_modules",
            "out is as it was before; run it again",
        ),
    ],
)
def test_an_interrupt_says_how_to_go_on(folder, verb, where, said, tmp_path):
    """Ctrl-C in the middle of the work; nothing is left of it."""
    shutil.copyfile(folder / "digits.net", tmp_path / "digits.net")
    code = (
        "import pkgutil, sys\n"
        f"owner, _, name = {where!r}.rpartition('.')\n"
        "def interrupted(*given, **more): raise KeyboardInterrupt\n"
        "setattr(pkgutil.resolve_name(owner), name, interrupted)\n"
        "from hwgen import cli\n"
        f"sys.argv = ['hwgen', {verb!r}, 'digits.net', *{['-o', 'out'] * (verb == 'generate')!r}]\n"
        "cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 130 and f"hwgen: {said}" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["digits.net"]
