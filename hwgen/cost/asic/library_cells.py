"""A library's cells in Verilog: models for simulation, and the gates that resets become."""

__all__ = ["cell_models", "reset_cells"]

from collections.abc import Iterable

from hwgen.cost.asic.liberty import NOR2, Cell, Latch, Library, Pin, Register
from hwgen.cost.asic.liberty_function import Function, identifier
from hwgen.errors import HwgenError

# yosys' flip-flops with a synchronous reset. Its gate is a cell of its own, made before logic is
# optimised, so that what the reset gives does not hang on what else drives the register: that holds
# in a simulation in which everything is unknown at first as well. One that starts with 1 holds the
# inverse.
_RESETS = """\
module \\$_SDFF_PP0_ (input C, R, D, output Q);
  wire next;
  {gate} gate (.{a}(~D), .{b}(R), .{y}(next));
  \\$_DFF_P_ held (.C(C), .D(next), .Q(Q));
endmodule
module \\$_SDFF_PP1_ (input C, R, D, output Q);
  wire next, inverse;
  {gate} gate (.{a}(D), .{b}(R), .{y}(next));
  \\$_DFF_P_ held (.C(C), .D(next), .Q(inverse));
  assign Q = ~inverse;
endmodule
"""


def reset_cells(library: Library) -> str:
    """Return what registers with a reset become, for yosys' `techmap`."""
    gate = library.gate(NOR2, "NOR of two inputs")
    a, b = (pin.name for pin in gate.inputs)
    return _RESETS.format(gate=gate.name, a=a, b=b, y=gate.outputs[0].name)


def cell_models(library: Library, names: Iterable[str]) -> str:
    """Return models of cells, made of the functions in the library's file. A flip-flop holds
    nothing known until it is clocked.

    Raises
    ------
    HwgenError : the library's file says no function of a cell
    """
    lines = [f"// Cells of {library.name}, from their functions in its Liberty file."]
    for name in sorted(names):
        cell = library.cells.get(name)
        if cell is None:
            raise HwgenError(f"Cell {name} of a netlist is not in {library.path}")
        lines.append(_model(library, cell))
    return "\n".join(lines)


def _model(library: Library, cell: Cell) -> str:
    ports = [pin for pin in cell.pins if pin.direction in ("input", "output")]
    known = {pin.name for pin in cell.inputs}
    body = []
    if isinstance(cell.holds, Register):
        known |= {cell.holds.state, cell.holds.inverse}
        body = _register(cell.holds)
    for pin in cell.outputs:
        body.append(f"  assign {identifier(pin.name)} = {_function(library, cell, pin, known)};")
    listed = ", ".join(f"{pin.direction} {identifier(pin.name)}" for pin in ports)
    return "\n".join([f"module {identifier(cell.name)} ({listed});", *body, "endmodule", ""])


def _function(library: Library, cell: Cell, pin: Pin, known: set[str]) -> str:
    function = pin.function
    whole = function is not None and set(function.names) <= known
    if function is None or not whole or pin.three_state or isinstance(cell.holds, Latch):
        raise HwgenError(
            f"Cell {cell.name} cannot be simulated: {library.path} gives no function of its "
            f"output {pin.name} that hwgen understands"
        )
    return function.verilog()


def _register(register: Register) -> list[str]:
    state, inverse = identifier(register.state), identifier(register.inverse)
    lines = [f"  reg {state};", f"  wire {inverse} = ~{state};"]
    edges = [_edge("clock", register.clocked_on, lines)]
    choices = []
    for what, function, value in (
        ("clear", register.clear, 0),
        ("preset", register.preset, 1),
    ):
        if function is not None:
            lines.append(f"  wire hwgen_{what} = {function.verilog()};")
            edges.append(f"posedge hwgen_{what}")
            choices.append(f"if (hwgen_{what}) {state} <= 1'b{value}; else ")
    held = f"{''.join(choices)}{state} <= {register.next_state.verilog()};"
    return [*lines, f"  always @({' or '.join(edges)}) {held}"]


def _edge(name: str, function: Function, lines: list[str]) -> str:
    """Return the edge on which a function rises, of a pin itself where it is one."""
    inner = function.of[0] if function.kind == "not" else function
    if not inner.of and inner.names:
        return f"{'negedge' if inner is not function else 'posedge'} {identifier(inner.kind)}"
    lines.append(f"  wire hwgen_{name} = {function.verilog()};")
    return f"posedge hwgen_{name}"
