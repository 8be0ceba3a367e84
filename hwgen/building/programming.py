"""Programming a board with what was built for it."""

__all__ = ["flash"]

from pathlib import Path

from hwgen import tools
from hwgen.building.summary import Build, read_bitstream, read_summary
from hwgen.errors import StoreError
from hwgen_boards import BOARDS


def flash(folder: str | Path, *, timeout: float = 300.0) -> Build:
    """Program the board that is plugged in with the bitstream in a folder; return what it is.

    Parameters
    ----------
    folder : that `build` wrote
    timeout : seconds that the programmer may take

    Raises
    ------
    StoreError : the folder holds no build, a damaged one, or one for a board that hwgen does not
        know
    ToolError : the programmer is not installed (the text says how to get it), finds no board,
        fails, or does not finish in time
    """
    build = read_summary(folder)
    board = BOARDS.get(build.board)
    if board is None:
        raise StoreError(
            f"{build.folder}: Board must be one of {', '.join(BOARDS)}, not {build.board!r}; "
            "build again"
        )
    data = read_bitstream(build)
    program, *options = board.programmer  # of the board's own file: a summary runs nothing
    with tools.workspace() as work:
        name = build.bitstream
        (work / name).write_bytes(data)
        tools.run(program, [*options, name], cwd=work, timeout=timeout)
    return build
