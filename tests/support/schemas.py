"""JSON schemas of the files that hwgen writes, made of the classes that write or describe them.

cd tests && python -m support.schemas
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from hwgen.package.manifest import Manifest
from hwgen.planning.description import DescribedPlan
from hwgen.report import Run
from hwgen.report.run import SPEC_VERSION as RUN_VERSION

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
WRITTEN_BY = {
    "manifest": (Manifest, "manifest.json of a package: what `hwgen generate` wrote"),
    "plan": (DescribedPlan, "what `hwgen plan --json FILE` writes"),
    "run": (Run, "what `hwgen compare --json FILE` writes"),
}


def schema(name: str) -> dict[str, Any]:
    """Return the schema of a kind of file."""
    kind, title = WRITTEN_BY[name]
    made = msgspec.json.schema(kind)
    definition = made["$defs"][made["$ref"].rpartition("/")[2]]
    if name == "run":  # whose version stands beside its fields
        definition["properties"]["hwgen_run"] = {"const": RUN_VERSION}
        definition["required"].append("hwgen_run")
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": f"hwgen: {title}", **made}


def text(name: str) -> str:
    """Return the schema's file."""
    return json.dumps(schema(name), indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in WRITTEN_BY:
        (FOLDER / f"{each}.schema.json").write_text(text(each))
