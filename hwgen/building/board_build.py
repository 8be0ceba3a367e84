"""A network, or the package of one, the whole way to a board."""

__all__ = ["build", "plan_for_board"]

from collections.abc import Mapping, Sequence
from pathlib import Path

from hwgen.building.advice import advise
from hwgen.building.bitstream import SEEDS, Progress, build_bitstream
from hwgen.building.core import board_of, check_ends
from hwgen.building.headroom import board_headroom
from hwgen.building.summary import Build
from hwgen.codegen.package import write_package
from hwgen.errors import HwgenError, PlanError
from hwgen.network import load
from hwgen.network.graph import Network
from hwgen.package.manifest import NETWORK, read_manifest
from hwgen.planning import Plan, plan
from hwgen.targets import DEFAULT_TARGET, Target, get_target
from hwgen.tools import workspace

GOAL = "10000 fps"


def build(
    source: Network | str | Path,
    folder: str | Path,
    *,
    target: str | None = None,
    goal: str | None = None,
    clock_hz: int | None = None,
    overrides: Sequence[str] = (),
    baud: int | None = None,
    seeds: int = SEEDS,
    timeout: float = 1800.0,
    changed: bool = False,
    progress: Progress | None = None,
) -> Build:
    """Make the bitstream of a network for a board, with all that belongs to it.

    Parameters
    ----------
    source : a network, the file of one, or the folder of a package
    folder : of what is built; a build that is there already is replaced
    target : the board, for a network; a package was generated for one
    goal : throughput to plan a network for, "10000 fps" when not given
    clock_hz : clock to plan a network for, Hz; the target's own when not given
    overrides : the user's own choices for a network, such as "conv1.pe=4"
    baud : bits a second that the serial line may have at most; the board's own when not given
    seeds : of the placer that are tried before a design counts as too slow
    timeout : seconds that each tool may take
    changed : whether a package's Verilog and network may be others than those that were generated
    progress : called with a step, done and total; a total of 0 is unknown

    Raises
    ------
    PlanError : it does not fit, or is too slow for its clock; the text says what would do
    BoardError : there is no board of that name
    ToolError : a tool is missing, fails or does not finish in time
    OutputFolderError : the folder cannot be written, or holds somebody else's files
    StoreError : a file or package is damaged, or not what was generated
    """
    name = "accelerator"
    if not isinstance(source, Network):
        path = Path(source)
        if path.is_dir():
            given = {"target": target, "goal": goal, "clock": clock_hz, "set": overrides or None}
            _check_package(path, given)
            return build_bitstream(
                path,
                folder,
                baud=baud,
                seeds=seeds,
                timeout=timeout,
                changed=changed,
                progress=progress,
            )
        name = (path.parent.resolve() if path.name == NETWORK else path).stem or name
        source = load(path)
    device = get_target(DEFAULT_TARGET if target is None else target)
    board_of(device.name)
    if progress is not None:
        progress("plan", 0, 0)
    planned = plan_for_board(source, device, goal or GOAL, clock_hz, overrides)
    with workspace() as work:
        package = write_package(planned, work / name)
        return build_bitstream(
            package, folder, baud=baud, seeds=seeds, timeout=timeout, progress=progress
        )


def _check_package(folder: Path, given: Mapping[str, object]) -> None:
    """Refuse choices that were made when a package was generated."""
    own = read_manifest(folder).target
    wrong = [name for name, value in given.items() if value not in (None, own)]
    if wrong:
        raise HwgenError(
            f"Package {folder} was generated for {own}, with its goal and clock; to choose "
            f"another {wrong[0]}, build its network, {folder / NETWORK}"
        )


def plan_for_board(
    network: Network, target: Target, goal: str, clock_hz: int | None, overrides: Sequence[str]
) -> Plan:
    """Return the plan of a network that leaves room for what a board needs besides.

    Raises
    ------
    PlanError : the goal cannot be reached, or nothing fits; the text says what would
    BoardError : it has several inputs or outputs
    """
    check_ends(len(network.inputs), len(network.ends))
    room = board_headroom(target, network)
    clock = target.clock_hz if clock_hz is None else clock_hz
    try:
        return plan(network, target=room, goal=goal, clock_hz=clock, overrides=overrides)
    except PlanError as error:
        if overrides:  # what they rule out is for the user to say
            raise
        raise PlanError(f"{error}; {advise(network, room, clock, goal)}") from error
