"""What other tools need of a package: makefile, FuseSoC core, constraints."""

__all__ = ["constraints", "core", "makefile"]

import hashlib
from collections.abc import Mapping

from hwgen.codegen.entries import vector_file
from hwgen.codegen.primitives import LINT
from hwgen.families import family_of
from hwgen.package.manifest import Manifest
from hwgen.targets import get_target

_MAKEFILE = """\
# make sim [STALL=percent] [SEED=number] [WAVES=file.vcd]   needs Icarus Verilog, nothing else
# make sim SIMULATOR=verilator ...                          needs Verilator 5.006 or newer, and g++
# make lint                                                 needs Verilator or Yosys
# make clean
SIMULATOR ?= icarus
IVERILOG ?= iverilog
VVP ?= vvp
VERILATOR ?= verilator
VERILATOR_FLAGS ?=
YOSYS ?= yosys
STALL ?= 0
SEED ?= 1

.PHONY: sim lint clean
ARGUMENTS = +stall=$(STALL) +seed=$(SEED) $(if $(WAVES),+waves=$(WAVES))
sim: sim-$(SIMULATOR)

.PHONY: sim-icarus sim-verilator
sim-icarus: build/@TOP@_tb.vvp
\t$(VVP) -N build/@TOP@_tb.vvp $(ARGUMENTS)

sim-verilator: build/verilator/@TOP@_tb
\tbuild/verilator/@TOP@_tb $(ARGUMENTS)

build/@TOP@_tb.vvp: @TOP@_tb.v @TOP@.v@CELLS@
\tmkdir -p build
\t$(IVERILOG) -g2005 -s @TOP@__tb -o build/@TOP@_tb.vvp @TOP@_tb.v @TOP@.v@CELLS@

build/verilator/@TOP@_tb: @TOP@_tb.v @TOP@.v@CELLS@
\tmkdir -p build
\t$(VERILATOR) --binary --trace -Wno-lint -Wno-style $(VERILATOR_FLAGS) --prefix Vtb \\
\t  --top-module @TOP@__tb -Mdir build/verilator -o @TOP@_tb @TOP@_tb.v @TOP@.v@CELLS@

lint:
\t@if command -v $(VERILATOR) >/dev/null; then \\
\t  $(VERILATOR) --lint-only -Wall --top-module @TOP@@LINT@ @TOP@.v@CELLS@; \\
\telif command -v $(YOSYS) >/dev/null; then \\
\t  $(YOSYS) -q -p "@LIB@read_verilog @TOP@.v; \\
\t    hierarchy -check -top @TOP@; proc; opt; check -assert"; \\
\telse \\
\t  echo "make lint needs verilator or yosys on PATH" >&2; exit 1; \\
\tfi

clean:
\trm -rf build
"""

_CORE = """\
CAPI=2:
name: "hwgen:generated:@TOP@:@VERSION@"
description: "Neural network accelerator made by hwgen"

filesets:
  rtl:
    files:
      - "@TOP@.v"
    file_type: verilogSource-2005
@CELLS@  testbench:
    files:
      - "@TOP@_tb.v": {file_type: verilogSource-2005}
@VECTORS@
targets:
  default: &default
    filesets: [rtl]
    toplevel: "@TOP@"
  sim:
    description: "Compare the accelerator with @RESULTS@"
    filesets: [rtl@WITH@, testbench]
    toplevel: "@TOP@__tb"
    flow: sim
    flow_options:
      tool: icarus
      iverilog_options: ["-g2005"]
    parameters: [stall, seed]
  lint:
    <<: *default
    description: "Check the Verilog"
@LINT@    flow: lint
    flow_options:
      tool: verilator
      verilator_options: ["-Wall"]

parameters:
  stall:
    datatype: int
    default: 0
    paramtype: plusarg
    description: "Chance of a stall in each cycle, in per cent"
  seed:
    datatype: int
    default: 1
    paramtype: plusarg
    description: "Seed of the stalls"
"""


def makefile(manifest: Manifest) -> str:
    """Return the makefile of a package: `make sim` with Icarus, `make lint`."""
    cells = "".join(f" {name}" for name in manifest.primitives)
    return (
        _MAKEFILE.replace("@TOP@", manifest.top)
        .replace("@CELLS@", cells)
        .replace("@LINT@", f" {LINT}" if cells else "")
        .replace("@LIB@", f"read_verilog -lib{cells}; " if cells else "")
    )


def core(manifest: Manifest, files: Mapping[str, str]) -> str:
    """Return the package's description for FuseSoC, CAPI2: targets default, sim and lint. Its
    version is of the texts of the files that it names: others make another."""
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        for part in (name, text):
            digest.update(f"{len(part)}:{part}".encode())
    paths = map(vector_file, (*manifest.inputs, *manifest.outputs))
    vectors = "".join(
        f'      - "{path}": {{file_type: user, copyto: "{path}"}}\n' for path in paths
    )
    cells = manifest.primitives
    listed = "".join(f'      - "{name}"\n' for name in cells)
    fileset = (
        f"  primitives:\n    files:\n{listed}"
        f'      - "{LINT}": {{file_type: vlt}}\n'
        "    file_type: verilogSource-2005\n"
    )
    return (
        _CORE.replace("@TOP@", manifest.top)
        .replace("@VECTORS@", vectors)
        .replace("@RESULTS@", " and ".join(map(vector_file, manifest.outputs)))
        .replace("@VERSION@", f"0.{int.from_bytes(digest.digest()[:4], 'big')}")
        .replace("@CELLS@", fileset if cells else "")
        .replace("@WITH@", ", primitives" if cells else "")
        .replace("@LINT@", "    filesets: [rtl, primitives]\n" if cells else "")
    )


def constraints(manifest: Manifest) -> tuple[str, str, str]:
    """Return file name, text and contents in words of a constraint template for the package's
    target."""
    template = family_of(get_target(manifest.target)).constraints
    text = template.write(manifest.clock, manifest.clock_hz, manifest.border.pins)
    return f"constraints/{manifest.top}.{template.ending}", text, template.about
