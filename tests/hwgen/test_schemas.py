"""The schemas of JSON files: what hwgen writes keeps to them, and what is spoiled does not."""

import json

import jsonschema
import pytest

import hwgen
from hwgen.report import Row, Run
from support.networks import random_network
from support.schemas import FOLDER, WRITTEN_BY, text


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file of each kind, as JSON."""
    plan = hwgen.plan(random_network(3), target="ulx3s-85f", goal="10000 fps")
    package = hwgen.generate(plan, tmp_path_factory.mktemp("schemas") / "net")
    budget = {"ulx3s-85f": {"luts": 83640}}
    rows = (Row("int4", "ulx3s-85f", "min area", luts=5, layers=({"name": "a"},)),)
    return {
        "plan": json.loads(json.dumps(plan.to_json())),
        "manifest": json.loads((package.folder / "manifest.json").read_text()),
        "run": json.loads(Run("a", "b", "synth", rows, budget).to_json()),
    }


@pytest.mark.parametrize("name", WRITTEN_BY)
def test_files_keep_to_their_schema(name, written):
    """If the schema's file is not what the classes say: cd tests && python -m support.schemas."""
    assert (FOLDER / f"{name}.schema.json").read_text() == text(name)
    schema = json.loads(text(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(written[name], schema)
    definition = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    assert {*written[name]} <= {*definition["properties"]}  # nothing that the schema has not
    for key in definition["required"]:
        less = {field: value for field, value in written[name].items() if field != key}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(less, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written[name] | {"layers": 3, "rows": 3}, schema)


@pytest.mark.parametrize("name", WRITTEN_BY)
def test_files_say_their_version(name, written):
    assert [key for key in written[name] if "hwgen" in key or "version" in key], name
