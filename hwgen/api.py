"""The public verbs, and the package as an object."""

__all__ = [
    "COST_STAGES",
    "Cost",
    "Package",
    "compress",
    "generate",
    "hardware_cost",
    "import_exported",
    "import_onnx",
    "import_tflite",
    "import_torch",
    "load",
    "plan",
    "read_recipe",
]

import importlib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwgen.codegen.package import write_package
from hwgen.cost.figures import COST_STAGES, Cost, cost_of
from hwgen.errors import HwgenError, HwgenWarning, PlanError, ToolError, bring
from hwgen.network import load
from hwgen.network.ends import one_or_all
from hwgen.network.graph import Given, Network
from hwgen.network.inference import Tensor
from hwgen.package.border import BorderChoice
from hwgen.package.border_kind import BorderKind, Elements
from hwgen.package.hashes import changed_files, check_unchanged, with_hashes
from hwgen.package.manifest import read_manifest
from hwgen.planning import Plan, plan
from hwgen.progress import Progress, silent
from hwgen.showing import counted
from hwgen.simulation import SimulationResult
from hwgen.simulation import simulate as run_simulation
from hwgen.targets import DEFAULT_TARGET, Rom, get_target

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from hwgen.compression import Compressed, Example, QuantizeRecipe, Recipe

HARDWARE_COSTS = ("luts", "cycles")


def _torch_part(name: str) -> ModuleType:
    """Import a module of ours that needs PyTorch."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("hwgen"):
            raise
        raise ToolError(f"Python package {error.name} is missing; {bring('torch')}") from error


def compress(
    model: "nn.Module",
    recipe: "Recipe",
    *,
    train: "Callable[[nn.Module, int], object] | None" = None,
    evaluate: "Callable[[nn.Module], float] | None" = None,
    calibration: "Iterable[object] | None" = None,
    example: "Example | None" = None,
    measure: "Callable[[nn.Module], float] | None" = None,
    progress: Callable[[str], None] | None = None,
    checkpoints: str | Path | None = None,
    fresh: bool = False,
    made_from: Mapping[str, object] | None = None,
) -> "Compressed":
    """Compress a trained PyTorch model; the model itself is left as it is.

    Parameters
    ----------
    model : any module of supported layers, branches included
    recipe : what to prune and how to quantize
    train : `train(model, epochs)` trains a module in place, or returns one whose weights are taken;
        None: post-training quantization only
    evaluate : `evaluate(model)` returns an accuracy of at most 1, for the history
    calibration : batches of real inputs, (batch, channels, height, width) or (batch, features):
        one tensor, or tensors, arrays, or pairs of them and labels, such as a DataLoader gives
    example : such a batch, if `calibration` is not given
    measure : `measure(model)` returns what a model costs, for `PruneTarget(cost=...)` a float one,
        for `QuantizeRecipe(budget=...)` a quantized one; see `hardware_cost`
    progress : called with the name of each step as it starts
    checkpoints : a folder; called again after a kill, `compress` goes on where it was
    fresh : begin anew, whatever checkpoints there are
    made_from : what else checkpoints depend on, such as {"seed": 0}

    Returns
    -------
    `.module`, which in `eval()` computes exactly what the hardware will, and `.history`
    """
    result: Compressed = _torch_part("hwgen.compression").compress(
        model,
        recipe,
        example=example,
        train=train,
        evaluate=evaluate,
        calibration=calibration,
        measure=measure,
        progress=progress,
        checkpoints=checkpoints,
        fresh=fresh,
        made_from=made_from,
    )
    return result


def read_recipe(path: str | Path) -> "Recipe":
    """Return the recipe in a TOML file, which has the shape of the dataclass."""
    recipe: Recipe = _torch_part("hwgen.compression").Recipe.from_toml(path)
    return recipe


def hardware_cost(
    what: str,
    *,
    calibration: "Iterable[object]",
    example: "Example | None" = None,
    quantize: "QuantizeRecipe | None" = None,
    target: str = DEFAULT_TARGET,
    goal: str = "10000 fps",
) -> "Callable[[nn.Module], float]":
    """Return a function for `compress(measure=...)`: what a model costs as planned hardware.

    A float model is quantized first, without training. What no plan can be made of costs infinity.

    Parameters
    ----------
    what : "luts", which the planner estimates, or "cycles" from one frame to the next
    calibration : batches of real inputs; of a model of several inputs tuples of them
    quantize : how a float model is quantized, by default to 8 bits
    target, goal : of the plan
    example : a batch, needed where inputs are (channels, length); of a model of several inputs a
        tuple of one of each, needed
    """
    if what not in HARDWARE_COSTS:
        raise HwgenError(f"Measure must be one of {', '.join(HARDWARE_COSTS)}, not {what!r}")
    get_target(target)
    compression = _torch_part("hwgen.compression")
    kind = _torch_part("hwgen.compression.quantize").QuantModel
    input_batches = _torch_part("hwgen.compression.calibration_data").input_batches
    several = len(example) if isinstance(example, tuple) else 1
    batches = input_batches(calibration, example, [str(number) for number in range(several)])
    first = batches[0]
    one = tuple(x[:1] for x in first) if isinstance(first, tuple) else first[:1]
    chosen = compression.QuantizeRecipe.int8() if quantize is None else quantize
    untrained = replace(chosen, epochs=0, tune=0, incremental=(), budget=None, drop=None)

    def measure(model: "nn.Module") -> float:
        if not isinstance(model, kind):
            recipe = compression.Recipe(quantize=untrained)
            with warnings.catch_warnings():  # those of the user's own call say it once
                warnings.simplefilter("ignore", HwgenWarning)
                model = compress(model, recipe, calibration=batches, example=one).module
        try:
            made = plan(import_torch(model, one), target=target, goal=goal)
        except PlanError:
            return math.inf
        return float(made.resources.luts if what == "luts" else made.interval)

    return measure


def import_torch(
    module: "nn.Module | Compressed",
    example: "Example",
    *,
    evaluate: "Callable[[nn.Module], float] | None" = None,
) -> Network:
    """Return the integer network of a module that `compress` made.

    Parameters
    ----------
    module : what `compress` returned, or its `.module`
    example : an input, (batch, channels, height, width) or (batch, features), for its shape
    evaluate : `evaluate(module)` returns the accuracy; there is a warning where it is that of
        guessing
    """
    importers = _torch_part("hwgen.importers.from_torch")
    network: Network = importers.import_torch(module, example, evaluate=evaluate)
    return network


def import_exported(
    program: "ExportedProgram | str | Path",
    *,
    input_format: str | None = None,
    input_scale: float | None = None,
) -> Network:
    """Return the network of a program of `torch.export` that PT2E quantized: the program's integers
    in exact arithmetic.

    Parameters
    ----------
    program : or the file that `torch.export.save` wrote of it
    input_format, input_scale : as of `import_onnx`

    Raises
    ------
    StoreError : no such file, or a damaged one
    UnsupportedError : with every call that has no integer meaning in hwgen
    """
    importers = _torch_part("hwgen.importers.exported")
    network: Network = importers.import_exported(
        program, input_format=input_format, input_scale=input_scale
    )
    return network


def import_onnx(
    path: str | Path, *, input_format: str | None = None, input_scale: float | None = None
) -> Network:
    """Return the network of a quantized ONNX file: the file's integers in exact arithmetic.

    Files are QONNX, or have QuantizeLinear and DequantizeLinear around their layers; which, is seen
    from what they hold. Images enter and leave as (channels, height, width).

    Parameters
    ----------
    path : of the file
    input_format : of the integers that enter, such as "uint8"; by default those that the file's
        first quantizers give, or int16 where there are none
    input_scale : real = scale * integer

    Raises
    ------
    StoreError : no such file, or a damaged one
    UnsupportedError : with every operator that has no integer meaning in hwgen
    """
    from hwgen.importers.onnx import import_onnx as read

    return read(path, input_format=input_format, input_scale=input_scale)


def import_tflite(path: str | Path) -> Network:
    """Return the network of a TFLite file of int8: the integers of LiteRT's reference kernels.

    Images enter and leave as (channels, height, width).

    Raises
    ------
    StoreError : no such file, or a damaged one
    UnsupportedError : with every operator that has no integer meaning in hwgen
    """
    from hwgen.importers.tflite import import_tflite as read

    return read(path)


class Package:
    """A folder that `generate` wrote.

    Its Verilog and network are used as long as they are what was generated, by the hashes in the
    manifest; those that a user has changed, where the user says so.
    """

    def __init__(self, folder: str | Path, *, changed: bool = False):
        """Open a package.

        Parameters
        ----------
        changed : whether Verilog and network may be others than those that were generated

        Raises
        ------
        StoreError : the folder is not one
        """
        self.folder = Path(folder)
        self.manifest = read_manifest(self.folder)
        self._may_differ = changed

    def __repr__(self) -> str:
        of = self.manifest
        layers = counted(len(of.layers), "layer")
        return f"<Package {str(self.folder)!r}: {layers} on {of.target} for {of.goal}>"

    @property
    def changed(self) -> tuple[str, ...]:
        """Files that are not what was generated, of those that say what the package computes."""
        return changed_files(self.folder, self.manifest)

    def _check(self) -> None:
        if not self._may_differ:
            check_unchanged(self.folder, self.manifest)

    @cached_property
    def network(self) -> Network:
        """The network that the package implements.

        Raises
        ------
        StoreError : it, or the Verilog, is not what was generated
        """
        self._check()
        return load(self.folder / self.manifest.network)

    @property
    def verilog(self) -> Path:
        """The Verilog file."""
        return self.folder / self.manifest.verilog

    def simulate(
        self,
        x: Given,
        *,
        stage: str = "rtl",
        simulator: str = "verilator",
        stalls: float | tuple[float, float] = 0.0,
        seed: int = 0,
        reset_at: int | None = None,
        waves: str | Path | None = None,
        trace: bool = False,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> SimulationResult:
        """Run frames through the Verilog and compare every output bit with golden.

        Parameters
        ----------
        x : (frames, *input shape), integers in the range of the input's format; of several inputs
            a dict of them by name, or a tuple in order
        stage : "rtl", or "netlist": what synthesis for the package's target made of it
        simulator : "verilator" or "icarus"
        stalls : chance of a stall in a cycle, at both ends or (input, output)
        seed : of the stalls
        reset_at : cycle of one more reset, after which all begins again
        waves : .fst or .vcd file for the waveform of the first frame that differs
        trace : compare every layer's stream in every frame, not only the last one's
        timeout : seconds for everything
        progress : called with ("synthesis", "build" or "run", done, total)

        Raises
        ------
        StoreError : Verilog or network are not what was generated
        """
        self._check()
        return run_simulation(
            self.folder,
            x,
            self.network.run(x),
            stage=stage,
            simulator=simulator,
            stalls=stalls,
            seed=seed,
            reset_at=reset_at,
            waves=waves,
            trace_layers=self.network.trace,
            trace=trace,
            timeout=timeout,
            progress=progress,
        )

    @contextmanager
    def simulated_board(
        self, *, seed: int = 0, timeout: float | None = None, progress: Progress | None = None
    ) -> Iterator[str]:
        """Run the package's board in simulation, and yield the name of its serial port.

            with package.simulated_board() as port, hwgen.host.Accelerator(port) as accelerator:
                y = accelerator.infer(x)

        All of the board is there but the chip's own clocking: what reads and writes the serial
        pins, the link, and the package's Verilog. Its clock and baud rate have the ratio that they
        have on the board; how fast it runs is up to this machine.

        Parameters
        ----------
        seed : of what registers without a reset hold at first
        timeout : seconds that compiling may take
        progress : called with ("generate" or "compile", done, total)

        Raises
        ------
        BoardError : hwgen knows no board for the package's target
        StoreError : Verilog or network are not what was generated
        """
        from hwgen import building
        from hwgen.simulation.simulated_board import build_board, simulated_board

        tell = progress or silent
        board = building.board_of(self.manifest.target)
        self._check()
        tell("generate", 0, 2)
        manifest = with_hashes(self.folder, self.manifest)
        core = building.core_parameters(manifest, board, manifest.clock_hz)
        name = f"{self.manifest.top}_board"
        models = [self.folder / model for model in self.manifest.primitives]
        sources = [self.verilog, *models]
        verilog = building.core_verilog(core, name)
        tell("compile", 1, 2)
        built = build_board(verilog, sources, name, timeout)
        with simulated_board(built, core.uart.clocks, seed) as port:
            yield port

    def cost(self, stage: str = "estimate", *, timeout: float = 1800.0) -> Cost:
        """Return what the package costs on its target.

        Parameters
        ----------
        stage : "estimate" (the planner's), "synth" (yosys, of an ASIC OpenSTA as well) or "route"
            (yosys and nextpnr; not of an ASIC)
        timeout : seconds that each tool may take

        Raises
        ------
        StoreError : Verilog or network are not what was generated
        """
        self._check()
        return cost_of(self.verilog, self.manifest, stage, timeout)


def generate(
    plan: Plan,
    folder: str | Path,
    *,
    rom: Rom | str = Rom.INITIAL,
    border: BorderKind | str = BorderKind.AXIS,
    width: int | None = None,
    elements: Elements | str = Elements.BYTES,
    reset_low: bool = False,
    address_bits: int = 32,
    progress: Progress | None = None,
) -> Package:
    """Write the package of a plan: Verilog, manifest, vectors, README.

    Parameters
    ----------
    folder : where; its last part becomes the name of the top module
    rom : how the Verilog holds weights and other tables: "initial" in `initial` blocks, "case" in
        functions, for synthesis that ignores those, and where nothing is set at power-on
    border : what is around the accelerator: "axis" for its streams, "axi" or "wishbone" for
        registers and a mover of frames in memory
    width : bits of a word, 8, 16, 32, 64 or 128; None: 32 of a bus, and of streams as many as the
        first and last layers have a beat
    elements : how they lie in words, "bytes" for whole bytes each, "dense" for none between them
    reset_low : whether the reset is active low
    address_bits : of an address in memory
    progress : called with (module, modules begun, modules)

    Raises
    ------
    HwgenError : there is no such border, or it does not serve the network's inputs and outputs
    OutputFolderError : the folder cannot be written, or holds somebody else's files
    """
    choice = BorderChoice(border, width, elements, reset_low, address_bits)
    return Package(write_package(plan, folder, rom, progress, choice))


def choose_frames(network: Network, count: int, seed: int) -> Any:
    """Return random frames over the whole range of a network's input, (count, *shape); of several
    inputs a dict of them by name."""
    rng = np.random.default_rng(seed)
    return one_or_all({name: _frames(of, count, rng) for name, of in network.inputs.items()})


def _frames(tensor: Tensor, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    of = tensor.format
    assert of is not None
    shape: Sequence[int] = (count, *tensor.shape)
    return of.lo + of.step * rng.integers(0, (of.hi - of.lo) // of.step, shape, endpoint=True)
