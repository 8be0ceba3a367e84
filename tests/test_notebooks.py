"""The notebooks in `examples/` run, and hold no results of one machine."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent.parent / "examples"
BOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))


def read(name):
    return nbformat.read(EXAMPLES / name, as_version=4)


def outputs(book):
    return [output for cell in book.cells for output in cell.get("outputs", ())]


def test_there_are_two():
    assert BOOKS == ["bit_widths.ipynb", "torch_to_bitstream.ipynb"]


@pytest.mark.parametrize("name", BOOKS)
def test_they_are_plain(name):
    """Committed without results, and their first code needs nothing but Python."""
    book = read(name)
    nbformat.validate(book)
    assert not outputs(book) and not any(cell.get("execution_count") for cell in book.cells)
    first = next(cell.source for cell in book.cells if cell.cell_type == "code")
    exec(compile(first, name, "exec"), {})


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOKS)
def test_they_run(name, tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    book = read(name)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output.data for output in outputs(book) if "data" in output]
    assert any("text/html" in data for data in shown)
    if name == "bit_widths.ipynb":
        assert any("image/png" in data for data in shown)
    else:
        assert (tmp_path / "build" / "notebook_board").is_dir()
