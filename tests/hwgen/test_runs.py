"""Several layers as one, in the dataflow of a plan."""

import pytest

from hwgen.errors import PlanError
from hwgen.planning.dataflow import assemble, output_of
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.layer import INPUT
from hwgen.planning.layers.run import run_of
from hwgen.planning.search.planner import plan
from support.known import digits
from support.networks import GRAPH, random_network


def test_a_run_stands_for_its_layers():
    """Outside nobody sees what is inside: one place in the dataflow, and the streams around it."""
    layers = find_layers(digits())
    run = run_of(layers[1:4], layers)
    assert run.name == layers[3].name and run.sources == (layers[0].name,)
    assert (run.x_frame, run.y_frame) == (layers[1].x_frame, layers[3].y_frame)
    assert run.nodes == tuple(node for layer in layers[1:4] for node in layer.nodes)
    assert run.op.inside == layers[1:4]
    made = plan(digits(), target="ulx3s-85f", goal="min area")
    before, *_, after = made.stages
    core = made.stages[3].core  # whatever computes it takes and gives streams as any other does
    stages = [(before.layer, before.core), (run, core), (after.layer, after.core)]
    placed = assemble(stages, made.entries, [stage.name for stage in made.exits], {}).parts
    assert [p.layer for p in placed if p.name == p.layer] == [s[0].name for s in stages]
    assert output_of(run, core).beats == made.stages[3].output.beats


@pytest.mark.parametrize("seed", range(3))
def test_what_enters_twice_enters_a_run_once(seed):
    """A whole network of forks and joins, as one layer."""
    layers = find_layers(random_network(seed, GRAPH, layers=2, channels=3))
    run = run_of(layers, layers)
    assert run.sources == (INPUT,) and run.y_frame == layers[-1].y_frame


def test_what_is_no_run_is_refused():
    layers = find_layers(digits())
    with pytest.raises(PlanError, match="at least two layers, not 1"):
        run_of(layers[:1], layers)
    with pytest.raises(PlanError, match=f"{layers[0].name}: {layers[1].name} takes what only"):
        run_of((layers[0], layers[2]), layers)
    with pytest.raises(PlanError, match=f"{layers[0].name}: what a run computes must be used"):
        run_of((layers[0], layers[2]), (layers[0], layers[2]))
