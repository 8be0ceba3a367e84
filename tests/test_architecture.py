"""The house's rules, read off the source: who imports whom, how large a file may be, and that
every table covers every op."""

import ast
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("hwgen", "rtl_templates", "sim", "boards")  # folders
INSTALLED = {"hwgen": "hwgen"} | {f"hwgen_{folder}": folder for folder in PACKAGES[1:]}
LONGEST_FILE = 400
LONGEST_ELABORATE = 60

# The data's way through the house: a part may import those it lists, and nothing else of ours.
MAY_IMPORT = {
    "errors": set(),
    "progress": set(),
    "showing": {"errors"},
    "picture": set(),
    "formats": {"errors"},
    "cache": {"errors"},
    "primitives": {"families"},
    "files": {"errors"},
    "schema": {"errors"},
    "typed": {"errors", "schema"},
    "targets": {"errors"},
    "tools": {"errors", "cache"},
    "network": {"picture", "showing", "errors", "files", "formats"},
    "golden": {"errors", "formats", "network"},
    "passes": {"network"},
    "torch_graph": {"errors"},
    "compression": {
        "showing",
        "errors",
        "files",
        "schema",
        "formats",
        "cache",
        "network",
        "torch_graph",
    },
    "importers": {"errors", "files", "formats", "network", "torch_graph", "compression"},
    "families": {"errors", "targets", "tools", "rtl_templates"},
    "planning": {
        "picture",
        "showing",
        "errors",
        "progress",
        "formats",
        "targets",
        "families",
        "network",
        "rtl_templates",
    },
    # the folding in a manifest is the planner's
    "package": {
        "errors",
        "files",
        "schema",
        "typed",
        "targets",
        "tools",
        "planning",
        "rtl_templates",
    },
    "codegen": {
        "errors",
        "progress",
        "formats",
        "targets",
        "tools",
        "families",
        "primitives",
        "package",
        "network",
        "planning",
        "rtl_templates",
    },
    "cost": {
        "showing",
        "errors",
        "files",
        "targets",
        "families",
        "tools",
        "cache",
        "package",
        "planning",
    },
    # designs of its own, generated and synthesised
    "refit": {
        "errors",
        "progress",
        "formats",
        "targets",
        "families",
        "tools",
        "cache",
        "network",
        "planning",
        "codegen",
        "cost",
        "rtl_templates",
    },
    "simulation": {
        "showing",
        "errors",
        "progress",
        "files",
        "targets",
        "cache",
        "tools",
        "network",
        "package",
        "primitives",
        "cost",
    },
    "host": {"errors", "progress", "network", "package", "rtl_templates"},
    "building": {
        "errors",
        "progress",
        "files",
        "schema",
        "targets",
        "families",
        "tools",
        "package",
        "network",
        "planning",
        "codegen",
        "cost",
        "host",
        "rtl_templates",
        "boards",
    },
    "jobs": {"errors", "tools", "cache"},  # how jobs run; what they do, others hand in
    "report": {"showing", "errors", "files", "schema"},  # results as data, whoever made them
    "tasks": {"errors", "files", "torch_graph", "compression"},
    "rtl_templates": set(),
    "sim": set(),
    "boards": {"rtl_templates"},
}
# Like api, comparison goes the whole way, for many designs. "" is hwgen/__init__.py
ANYTHING = {"api", "comparison", "cli", "__main__", ""}

# Where files are opened that a user names, or a package or run holds: through hwgen.files. These
# open what is our own: results in the cache, what a tool has just written, files of the source.
OWN_FILES = {
    "hwgen/errors.py",  # how hwgen itself was installed
    "hwgen/cache.py",
    "hwgen/codegen/package.py",
    "hwgen/codegen/primitives.py",
    "hwgen/codegen/registers.py",
    "hwgen/codegen/verilog.py",
    "hwgen/comparison/comparing.py",
    "hwgen/compression/resume/checkpoints.py",
    "hwgen/cost/asic/synthesis.py",
    "hwgen/cost/bitstream.py",
    "hwgen/refit/measuring.py",
    "hwgen/cost/netlist.py",
    "hwgen/cost/ports.py",
    "hwgen/cost/routing.py",
    "hwgen/refit/sampled.py",
    "hwgen/cost/synthesis.py",
    "hwgen/cost/asic/static_timing.py",
    "hwgen/building/bitstream.py",
    "hwgen/jobs/confined.py",
    "hwgen/jobs/job.py",
    "hwgen/planning/estimate/coefficients.py",
    "hwgen/primitives.py",
    "hwgen/report/page.py",
    "hwgen/simulation/simulated_board.py",
    "hwgen/simulation/build.py",
    "hwgen/simulation/netlist.py",
    "hwgen/simulation/result.py",
    "hwgen/simulation/session.py",
    "hwgen/simulation/start.py",
    "hwgen/tools.py",
}
OPENING = re.compile(r"\.read_(text|bytes)\(|(?<!os)\.open\((?!\"x)|\bnp\.load\(|json\.load\(")

OUTSIDE = {
    "rtl_templates": {"amaranth", "numba", "numpy"},
    "boards": {"amaranth", "amaranth_boards"},
    "sim": {"cocotb", "cocotb_tools", "numpy"},
}


def sources():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def part_of(path: Path) -> str:
    """Return the part of the house that a file belongs to."""
    relative = path.relative_to(ROOT)
    if relative.parts[0] != "hwgen":
        return relative.parts[0]
    name = relative.parts[1].removesuffix(".py")
    return "" if name == "__init__" else name


def imports(path: Path, *, everywhere: bool = True):
    """Yield the modules that a file imports; those for type checkers alone do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports must be absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported(path: Path) -> set[str]:
    found = set()
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "hwgen":
            found.add(parts[1] if len(parts) > 1 else "")
        elif parts[0] in INSTALLED:
            found.add(INSTALLED[parts[0]])
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_from_left_to_right(path):
    part = part_of(path)
    if part in ANYTHING:
        return
    allowed = MAY_IMPORT[part] | {part}
    if path == ROOT / "hwgen/network/graph.py":
        allowed = allowed | {"golden"}  # Network.run, inside the function
    extra = parts_imported(path) - allowed
    assert not extra, f"{path.relative_to(ROOT)} must not import {sorted(extra)}"


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_what_comes_from_outside(path):
    part = part_of(path)
    if part not in OUTSIDE:
        return
    own = set(INSTALLED) | set(sys.stdlib_module_names)
    extra = {m.split(".")[0] for m in imports(path)} - own - OUTSIDE[part]
    assert not extra, f"{part} must not import {sorted(extra)}"


def test_table_of_parts_is_complete_and_has_no_circle():
    there = {part_of(path) for path in sources()} - ANYTHING
    assert there <= set(MAY_IMPORT)
    done: set[str] = set()
    while len(done) < len(MAY_IMPORT):
        ready = {p for p, needs in MAY_IMPORT.items() if needs <= done and p not in done}
        assert ready, f"circle among {sorted(set(MAY_IMPORT) - done)}"
        done |= ready


def test_modules_have_no_circle():
    """Module by module, imports at the top of a file form no circle."""
    names = {}
    installed = {folder: name for name, folder in INSTALLED.items()}
    for path in sources():
        relative = path.relative_to(ROOT).with_suffix("")
        parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
        names[".".join((installed[parts[0]], *parts[1:]))] = path
    graph = {
        name: {m for m in _owners(imports(path, everywhere=False), names)} - {name}
        for name, path in names.items()
        if path.name != "__init__.py"
    }
    graph = {name: {m for m in needs if m in graph} for name, needs in graph.items()}
    while graph:
        free = [name for name, needs in graph.items() if not needs & set(graph)]
        assert free, f"circle among {sorted(graph)}"
        for name in free:
            del graph[name]


def _owners(modules, names):
    for module in modules:
        while module and module not in names:
            module = module.rpartition(".")[0]
        if module:
            yield module


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_sizes(path):
    text = path.read_text(encoding="utf-8")
    if (lines := len(text.splitlines())) > LONGEST_FILE:
        # no wall: a file is one noun, and none is split for the count's sake
        warnings.warn(f"{path.name} has {lines} lines: is it still one noun?", stacklevel=1)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name == "elaborate":
            lines = node.end_lineno - node.lineno + 1
            assert lines <= LONGEST_ELABORATE, f"elaborate has {lines} lines"


def test_import_is_light():
    """`import hwgen`, and its verbs that need no extras, load no extras."""
    code = (
        "import json, sys, hwgen; hwgen.plan, hwgen.generate, hwgen.load, hwgen.Package;"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "torch",
        "numba",
        "cocotb",
        "sklearn",
        "scipy",
        "plotly",
        "altair",
        "matplotlib",
        "pandas",
    }
    assert not heavy & set(json.loads(done.stdout))


def test_the_command_line_starts_light():
    """What only some verbs need is loaded by these."""
    code = "import json, sys, hwgen.cli; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"amaranth", "hwgen.planning", "msgspec", "numba", "torch", "hwgen.simulation"}
    assert not heavy & set(json.loads(done.stdout))


def test_every_table_covers_every_op():
    from hwgen.golden import GOLDEN
    from hwgen.network.inference import INFERENCE
    from hwgen.network.ops import OPS, Op
    from hwgen.planning.layers.of_ops import LAYERS

    def leaves(kind):
        below = kind.__subclasses__()
        return set().union(*map(leaves, below)) if below else {kind}

    assert leaves(Op) == set(OPS)
    for name, table in (
        ("INFERENCE", INFERENCE),
        ("GOLDEN", GOLDEN),
        ("LAYERS", LAYERS),
    ):
        assert set(table) == set(OPS), f"{name} must cover every op"


def test_every_part_has_an_estimate_and_a_schedule():
    from hwgen.planning.estimate.array_parts import DATAPATHS, VALUES
    from hwgen.planning.estimate.engine_parts import ENGINES
    from hwgen.planning.estimate.parts import PARTS
    from hwgen.planning.estimate.stream_parts import STREAM_PARTS
    from hwgen_rtl_templates.axi import BorderParameters
    from hwgen_rtl_templates.engine import EngineParameters

    inner = [EngineParameters]
    seen = set()
    while inner:  # parts, and the parameters that their fields hold
        kind = inner.pop()
        if kind in seen or not hasattr(kind, "__dataclass_fields__"):
            continue
        seen.add(kind)
        no_parts = ("encodings", "multiplier", "adder_graph", "circuit")
        if kind.__module__.removeprefix("hwgen_rtl_templates.") in no_parts:
            continue
        # what the structure of an engine or an array looks into is part of these
        whole = {"Banks", "SequencerParameters", "WeightParameters", "WindowParameters"}
        assert kind in {*PARTS, *DATAPATHS, *VALUES} or kind.__name__ in whole, kind
        for hint in get_type_hints(kind).values():
            inner += [k for k in (hint, *get_args(hint)) if "hwgen_rtl_templates" in str(k)]
    assert len(seen) > 5
    streams = {*STREAM_PARTS, *ENGINES} - {BorderParameters}
    for kind in streams:
        assert all(hasattr(kind, name) for name in ("processes", "departures", "create")), kind


def test_every_implementation_is_in_every_table():
    """Each op that makes a layer has ways to be computed, and each way a name of its own."""
    from hwgen.planning.implementations import IMPLEMENTATIONS, WAYS
    from hwgen.planning.layers.folding import SHAPE
    from hwgen.planning.layers.of_ops import LAYERS
    from hwgen.planning.layers.orders import Order
    from hwgen.planning.layers.run import Run

    ops = {op for op, made in LAYERS.items() if made is not None}
    assert set(WAYS) == ops | {Order, Run}
    ways = {way for ways in WAYS.values() for way in ways}
    assert set(IMPLEMENTATIONS.values()) == ways and len(ways) == len(IMPLEMENTATIONS) >= 9
    assert all(name == way.name for name, way in IMPLEMENTATIONS.items())
    assert not set(IMPLEMENTATIONS) & set(SHAPE)
    folder = ROOT / "hwgen/planning/implementations"
    made = re.compile(r"^[A-Z_]+ = (?:engine|Implementation)\(", re.MULTILINE)
    found = sum(
        len(made.findall(path.read_text(encoding="utf-8"))) for path in folder.rglob("*.py")
    )
    assert found == len(ways), "an implementation that no op has"


# Whoever asks what kind of component or op something is decides for all implementations at once;
# here ops become layers, and requantizers and thresholds the units, or the cells, behind them.
MAY_ASK = {
    "hwgen/planning/layers/find.py",
    "hwgen/planning/lowering/epilogue.py",
    "hwgen/planning/lowering/unrolled/epilogues.py",
}
ASKING = re.compile(
    r"isinstance\([^()]*(?:\([^()]*\))?[^()]*"
    r"(?:Parameters|Add|ArgMax|AvgPool2d|Concat|Conv2d|Flatten|Linear|MaxPool2d|Requantize|Threshold)"
    r"\b"
)


def test_nobody_asks_what_an_implementation_is():
    for path in (ROOT / "hwgen/planning").rglob("*.py"):
        if path.relative_to(ROOT).as_posix() not in MAY_ASK:
            found = ASKING.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(ROOT)}: {found[0]}"


def test_rooms_of_planning_are_small():
    for folder in (ROOT / "hwgen/planning").rglob("*/"):
        assert len(list(folder.glob("*.py"))) <= 12, folder


def test_no_test_imports_another():
    """What two test modules need is in tests/support."""
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "support" not in path.parts]
    names = {path.stem for path in tests if path.stem != "__main__"} | {"tests"}
    assert len(tests) > 90
    for path in (*tests, *(ROOT / "tests" / "support").rglob("*.py")):
        extra = {module.split(".")[0] for module in imports(path)} & names
        assert not extra, f"{path.relative_to(ROOT)} must not import {sorted(extra)}"


def test_nothing_is_skipped_by_a_comment():
    """Lint rules are followed or configured, never waved away line by line."""
    for folder in (*PACKAGES, "tests", "examples", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            if path != Path(__file__):
                assert "# noqa" not in path.read_text(encoding="utf-8"), path


def test_others_files_are_opened_in_one_way():
    found = set()
    for path in (ROOT / "hwgen").rglob("*.py"):
        text = path.read_text(encoding="utf-8").replace("with open_file(inputs, LONGEST)", "")
        if OPENING.search(text.replace("np.load(file,", "")):
            found.add(path.relative_to(ROOT).as_posix())
    assert found <= OWN_FILES, found - OWN_FILES


def test_a_manifest_is_read_by_its_classes():
    """Whose fields have types; nobody looks one up by a text."""
    lookup = re.compile(r"""manifest(\[["']|\.get\()""")
    for path in sources():
        assert not lookup.search(path.read_text(encoding="utf-8")), path


def test_tables_are_printed_in_one_way():
    """Which never cuts a cell; `tests/hwgen/test_cli_tables.py` tries each at all widths."""
    users = [path for path in sources() if "rich.table" in path.read_text(encoding="utf-8")]
    assert users == [ROOT / "hwgen/cli/tables.py"]


# Who may name a family of devices: its record, what targets are of which, and the boards' PLLs.
NAME_FAMILIES = {"hwgen/families", "hwgen/targets.py", "boards"}


def test_a_family_is_known_by_its_record_alone():
    """A new one is a file in `hwgen/families/` and a target; nothing else asks which it is."""
    from hwgen.families import FAMILIES

    named = re.compile(rf"(?<!\w)({'|'.join(FAMILIES)})(?!\w)")
    for path in sources():
        where = path.relative_to(ROOT)
        if NAME_FAMILIES & {where.as_posix(), where.parts[0], "/".join(where.parts[:2])}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documents = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = None if id(node) in documents else named.search(node.value)
                assert not found, (
                    f"{where}:{node.lineno} names the family {found[1]}: put what differs between "
                    "families into their records, hwgen/families/"
                )
