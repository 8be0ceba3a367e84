"""What the manifest says of a plan, and what templates take from it."""

from dataclasses import asdict, fields

from msgspec.structs import replace

from hwgen.codegen.entries import manifest_of
from hwgen.codegen.project import constraints
from hwgen.formats import Binary, Fixed
from hwgen.network import Input, Linear, Threshold
from hwgen.planning.layers.folding import Folding
from hwgen.planning.search.planner import plan
from hwgen.targets import Rom
from support.networks import chain
from support.toys import toy_manifest


def test_what_elements_of_a_layer_stand_for():
    """Binary values travel as 0 and 1: what is recorded of a layer has to be read so."""
    network = chain(
        Input((3,), Fixed(4), [1.0]),
        Linear([[1, -2, 1], [2, 1, 0]], [0, 1], Fixed(3), [1.0]),
        Threshold([[0]], Binary(), [1.0], base=-1),
        Linear([[1, -1]], [0], Fixed(2), [1.0]),
    )
    stored = tuple(f"{name}.{way}=0" for name in ("n1", "n3") for way in ("parallel", "serial"))
    made = plan(network, target="ulx3s-85f", goal="min area", overrides=stored)
    entries = manifest_of(made, "net", {s.name: s.name for s in made.stages}, Rom.INITIAL).layers
    assert [(entry.base, entry.step) for entry in entries] == [(-1, 2), (0, 1)]
    assert [(entry.stream.lo, entry.stream.hi) for entry in entries][0] == (-1, 1)


def test_the_clock_in_constraints():
    manifest = toy_manifest()
    assert '\nFREQUENCY PORT "clk" 50 MHZ;\n' in constraints(manifest)[1]
    cells = constraints(replace(manifest, target="osu018"))[1]
    assert "create_clock -name clk -period 20.000 [get_ports clk]" in cells


def test_a_manifest_holds_every_field_of_a_folding():
    """Whatever the planner's class has, so that none is forgotten when it gets another."""
    numbers = {field.name: n for n, field in enumerate(fields(Folding), 1)}
    every = Folding(**{**numbers, "implementation": "dsp"})
    layer = replace(toy_manifest().layers[0], folding=every)
    told = replace(toy_manifest(), layers=(layer,)).to_json()["layers"][0]["folding"]
    assert told == asdict(every) and len(set(told.values())) == len(fields(Folding))
