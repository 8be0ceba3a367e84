"""From a plan to a package: Amaranth, Verilog, manifest, vectors."""

__all__ = ["Accelerator", "safe_names", "to_verilog", "write_package"]

from hwgen.codegen.accelerator import Accelerator
from hwgen.codegen.names import safe_names
from hwgen.codegen.package import write_package
from hwgen.codegen.verilog import to_verilog
