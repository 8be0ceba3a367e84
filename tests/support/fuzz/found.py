"""Networks that failed once, as text files that anybody can read, edit and replay."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hwgen.network import Network
from hwgen.network.text import from_text, to_text
from support.fuzz.case import Case, Settings
from support.fuzz.legs import Failure

FOUND = Path(__file__).parents[2] / "fuzz" / "found"
_ABOUT = "# about "


@dataclass(frozen=True, eq=False)
class Found:
    """A network that failed.

    seed, index, source : of the case it was shrunk from
    """

    network: Network
    settings: Settings
    failure: Failure
    seed: int
    index: int
    source: str


def save(case: Case, network: Network, failure: Failure, folder: Path) -> Path:
    """Write what was found to a text file; return its path."""
    about = {
        "seed": case.seed,
        "index": case.index,
        "source": case.source,
        "settings": asdict(case.settings),
        "failure": asdict(failure),
    }
    path = folder / f"{case.name}-{failure.leg}.txt"
    folder.mkdir(parents=True, exist_ok=True)
    header = (
        "# Found by `make fuzz`, shrunk; `make fuzz REPLAY=FILE` runs it again\n"
        f"{_ABOUT}{json.dumps(about)}\n"
    )
    path.write_text(header + to_text(network), encoding="utf-8")
    return path


def load(path: Path) -> Found:
    """Read what `save` wrote.

    Raises
    ------
    ValueError : the line that begins with `# about` is missing or not readable
    StoreError, NetworkError : the network is not
    """
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(_ABOUT)]
    if len(lines) != 1:
        raise ValueError(f"{path}: must have one line that begins with {_ABOUT!r}")
    about = json.loads(lines[0].removeprefix(_ABOUT))
    settings = about["settings"] | {"overrides": tuple(about["settings"]["overrides"])}
    return Found(
        network=from_text(text),
        settings=Settings(**settings),
        failure=Failure(**about["failure"]),
        seed=int(about["seed"]),
        index=int(about["index"]),
        source=str(about["source"]),
    )


def replay_command(path: Path) -> str:
    """Return the one line that replays a file."""
    return f"make fuzz REPLAY={path}"
