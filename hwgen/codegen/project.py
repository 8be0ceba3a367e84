"""What other tools need of a package: makefile, FuseSoC core, constraints."""

__all__ = ["constraints", "core", "makefile"]

import hashlib
from collections.abc import Callable, Mapping

from hwgen.codegen.primitives import LINT
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
      - "vectors/input.hex": {file_type: user, copyto: "vectors/input.hex"}
      - "vectors/output.hex": {file_type: user, copyto: "vectors/output.hex"}

targets:
  default: &default
    filesets: [rtl]
    toplevel: "@TOP@"
  sim:
    description: "Compare the accelerator with vectors/output.hex"
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


def _lpf(manifest: Manifest) -> str:
    """Return Lattice's preferences, as nextpnr-ecp5 reads them."""
    clock = manifest.clock
    pins = "".join(
        f'# LOCATE COMP "{port}" SITE "";\n# IOBUF PORT "{port}" IO_TYPE=LVCMOS33;\n'
        for port in manifest.border.pins
    )
    return (
        "# A template: copy it out of the package, which is replaced when it is generated again.\n"
        "# The clock that the plan counts on; pins where the accelerator is the whole design.\n"
        "BLOCK RESETPATHS;\nBLOCK ASYNCPATHS;\n"
        f'FREQUENCY PORT "{clock}" {manifest.clock_hz / 1e6:g} MHZ;\n\n{pins}'
    )


def _sdc(manifest: Manifest) -> str:
    """Return Synopsys design constraints, which most other tools read."""
    clock = manifest.clock
    return (
        "# A template: copy it out of the package, which is replaced when it is generated again.\n"
        f"create_clock -name {clock} -period {1e9 / manifest.clock_hz:.3f} "
        f"[get_ports {clock}]\n"
    )


def _cst(manifest: Manifest) -> str:
    """Return Gowin's physical constraints, as nextpnr-himbaechel reads them; without a pin for
    every port it places nothing."""
    pins = "".join(
        f'// IO_LOC "{port}" ;\n// IO_PORT "{port}" IO_TYPE=LVCMOS33;\n'
        for port in manifest.border.pins
    )
    return (
        "// A template: copy it out of the package, which is replaced when it is generated again.\n"
        f"// The plan counts on a clock of {manifest.clock_hz / 1e6:g} MHz (--freq).\n\n{pins}"
    )


def _pcf(manifest: Manifest) -> str:
    """Return physical constraints of an iCE40, as nextpnr-ice40 reads them."""
    clock = manifest.clock
    pins = "".join(f"# set_io {port} PIN\n" for port in manifest.border.pins)
    return (
        "# A template: copy it out of the package, which is replaced when it is generated again.\n"
        f"set_frequency {clock} {manifest.clock_hz / 1e6:g}\n\n{pins}"
    )


def _xdc(manifest: Manifest) -> str:
    """Return Xilinx design constraints, as Vivado reads them."""
    pins = "".join(
        f"# set_property -dict {{PACKAGE_PIN PIN IOSTANDARD LVCMOS33}} [get_ports {{{port}}}]\n"
        for port in manifest.border.pins
    )
    return f"{_sdc(manifest)}\n{pins}"


_BY_FAMILY: dict[str, tuple[str, str, Callable[[Manifest], str]]] = {
    "ecp5": ("lpf", "a template for nextpnr-ecp5: the clock, and a line for each pin", _lpf),
    "gowin": (
        "cst",
        "a template for nextpnr-himbaechel: a line for each pin; the clock is given with --freq",
        _cst,
    ),
    "ice40": ("pcf", "a template for nextpnr-ice40: the clock, and a line for each pin", _pcf),
    "xilinx7": ("xdc", "a template for Vivado: the clock, and a line for each pin", _xdc),
}
_OTHERS = ("sdc", "a template for OpenSTA and most synthesis: the clock, no pins", _sdc)


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
    cells = manifest.primitives
    listed = "".join(f'      - "{name}"\n' for name in cells)
    fileset = (
        f"  primitives:\n    files:\n{listed}"
        f'      - "{LINT}": {{file_type: vlt}}\n'
        "    file_type: verilogSource-2005\n"
    )
    return (
        _CORE.replace("@TOP@", manifest.top)
        .replace("@VERSION@", f"0.{int.from_bytes(digest.digest()[:4], 'big')}")
        .replace("@CELLS@", fileset if cells else "")
        .replace("@WITH@", ", primitives" if cells else "")
        .replace("@LINT@", "    filesets: [rtl, primitives]\n" if cells else "")
    )


def constraints(manifest: Manifest) -> tuple[str, str, str]:
    """Return file name, text and contents in words of a constraint template for the package's
    target."""
    ending, about, make = _BY_FAMILY.get(get_target(manifest.target).family, _OTHERS)
    return f"constraints/{manifest.top}.{ending}", make(manifest), about
