"""A family of devices: what all of its devices have in common, as one record.

Its parts are what the stages ask for: the planner for logic, memories and multipliers, a package
for constraints, costs for synthesis, place and route and packing.
"""

__all__ = [
    "BLOCK_OF_18K",
    "INSTALL",
    "CarryCell",
    "ClockPin",
    "Constraints",
    "Family",
    "InferredBlock",
    "Logic",
    "LutMemory",
    "Memories",
    "Multipliers",
    "Packing",
    "PlaceAndRoute",
    "SynthesisPass",
]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hwgen.errors import bring
from hwgen.tools import Tool
from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.multiplier import Multiplier

INSTALL = bring("fpga")  # what brings the programs of most families
# (bits that a port is wide, words) of a block memory of 18 kbit
BLOCK_OF_18K = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))


@dataclass(frozen=True)
class Logic:
    """Look-up tables, and the adders that are made of them.

    Attributes
    ----------
    lut_inputs : of a look-up table
    adder : the component that puts additions into the family's cells; that of plain Amaranth where
        there is none of its own
    adders_placed : whether its adders are cells that are placed one by one, of which synthesis
        leaves out none whose weights never change
    adder_ns : from register to register of one adder, and of each further one behind it, after
        place and route of a layer (docs/planning.md), ns; None where nobody has measured it, and
        every adder has a register
    adder_ns_of : the same of devices that are slower or faster than the others, by device
    """

    lut_inputs: int = 4
    adder: type[AdderRow] = AdderRow
    adders_placed: bool = False
    adder_ns: tuple[float, float] | None = None
    adder_ns_of: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class LutMemory:
    """A small memory in look-up tables: its words, the bits of one, and the tables it takes."""

    words: int
    bits: int
    luts: int


@dataclass(frozen=True)
class Memories:
    """What holds words.

    Attributes
    ----------
    shapes : (bits that a port is wide, words) of one block memory
    lut_memory : the smallest in look-up tables; None where there is none, and a small memory that
        is written is made of registers
    register_luts : LUTs beside a bit that is a register, to choose between memories
    """

    shapes: tuple[tuple[int, int], ...] = ()
    lut_memory: LutMemory | None = None
    register_luts: float = 0.8


@dataclass(frozen=True)
class InferredBlock:
    """A block that synthesis makes of a multiplication.

    Attributes
    ----------
    sides : bits of its operands, the wider first
    least : bits that the operands of a product have at the least
    least_product : bits that both have together at the least
    worth : DSP blocks that it counts as
    """

    sides: tuple[int, int]
    least: tuple[int, int]
    least_product: int
    worth: float


@dataclass(frozen=True)
class Multipliers:
    """DSP blocks.

    Attributes
    ----------
    instantiated : the component that instantiates one; None where hwgen leaves them to synthesis
    inferred : what synthesis makes of a multiplication, the largest first; none where it makes none
    signed_only : whether the blocks know no operands without a sign
    """

    instantiated: type[Multiplier] | None = None
    inferred: tuple[InferredBlock, ...] = ()
    signed_only: bool = False


@dataclass(frozen=True)
class Constraints:
    """The file of constraints that a package has, as a template.

    Attributes
    ----------
    ending : of its name
    about : what it is, in words
    write : returns its text for the clock's port, the clock in Hz and the ports, a bit each
    """

    ending: str
    about: str
    write: Callable[[str, int, Sequence[str]], str]


@dataclass(frozen=True)
class SynthesisPass:
    """How yosys makes cells of a design, and what they count.

    The pass flattens the design, and puts no pads at its ports.

    Attributes
    ----------
    command : the pass, and its options for every design
    no_dsp : options of that pass that keep multipliers in look-up tables
    libraries : folders of yosys that declare the family's cells, whose names no module may have
    logic, carry, memory : look-up tables that one cell of a type takes, by what they serve as
    ff : types of cells that are a flip-flop
    dsp, block_ram : DSP blocks and block memories that one cell of a type takes
    """

    command: str
    no_dsp: tuple[str, ...]
    libraries: tuple[str, ...]
    logic: Mapping[str, int]
    carry: Mapping[str, int]
    memory: Mapping[str, int]
    ff: tuple[str, ...]
    dsp: Mapping[str, float]
    block_ram: Mapping[str, int]


@dataclass(frozen=True)
class ClockPin:
    """How a design without ports keeps its clock, where place and route refuses ports without pins
    (`hwgen/cost/ports.py`).

    Attributes
    ----------
    file : the file of pins
    options : of place and route, that name it
    location : its line that gives a port a pin, with {port} and {pin}
    buffer : the cell between the pin and the clock: its type, input and output
    clocked : pins of cells through which a clock comes
    """

    file: str
    options: tuple[str, ...]
    location: str
    buffer: tuple[str, str, str]
    clocked: tuple[str, ...]


@dataclass(frozen=True)
class CarryCell:
    """A cell of a carry chain, out of which place and route is spared what makes no difference
    (`hwgen/cost/carries.py`). Its places have inputs A to D and a sum S each; the carry enters at
    CIN, goes on through a place where its table is 1, and leaves at COUT.

    Attributes
    ----------
    type : of the cell
    tables : parameters that hold the tables of its places, in the carry's order
    base : of their texts
    ties : types of cells that drive a constant, and which
    """

    type: str
    tables: tuple[str, ...]
    base: int
    ties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Packing:
    """How a placed design with pins becomes a bitstream.

    Attributes
    ----------
    constraints : ending of the file that says which pin a port has
    pins : options of place and route that name that file, `pins.ENDING`
    layout : the file that place and route writes
    written : its options that name that file
    packer : the program that makes a bitstream of it
    arguments : of that program; `layout` and `bitstream.ENDING` are files, {die} is the target's
    ending : of the bitstream's file
    """

    constraints: str
    pins: tuple[str, ...]
    layout: str
    written: tuple[str, ...]
    packer: Tool
    arguments: tuple[str, ...]
    ending: str


@dataclass(frozen=True)
class PlaceAndRoute:
    """How nextpnr places and routes a design, and what its report counts.

    Attributes
    ----------
    program : the place and route program
    options : its options for every design
    out_of_context : its options for a design without pins
    clock_pin : how a design without pins is one without ports but for the clock's; None where ports
        may go without pins
    carry : the cell of its carry chains, where it adds to these what makes no difference
    luts, dsps : what one cell of a type in its report counts
    ff, block_ram : names in its report; None where it does not count them apart
    derate : what its frequencies are multiplied by before anybody sees them
    packing : how the family gets bitstreams; None where no open tool makes any
    """

    program: Tool
    options: tuple[str, ...] = ()
    out_of_context: tuple[str, ...] = ()
    clock_pin: ClockPin | None = None
    carry: CarryCell | None = None
    luts: Mapping[str, int] = field(default_factory=dict)
    ff: str | None = None
    dsps: Mapping[str, float] = field(default_factory=dict)
    block_ram: str | None = None
    derate: float = 1.0
    packing: Packing | None = None


@dataclass(frozen=True)
class Family:
    """All that hwgen knows of a family beside its components, its models and its coefficients.

    Attributes
    ----------
    name : as targets have it
    logic, memories, multipliers : what the planner builds of
    constraints : the file of constraints that a package has
    synthesis : how yosys synthesises it; None of cell libraries, which are mapped
        (`hwgen/cost/asic/`)
    routing : how it is placed and routed; None where no open tool does, and costs end with
        synthesis
    sample_target : the target that samples are planned for which estimates are fitted to: synthesis
        finds the same on its others; None where none are fitted
    """

    name: str
    logic: Logic
    memories: Memories
    multipliers: Multipliers
    constraints: Constraints
    synthesis: SynthesisPass | None = None
    routing: PlaceAndRoute | None = None
    sample_target: str | None = None
