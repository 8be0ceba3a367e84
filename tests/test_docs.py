"""Every code block in the documents runs."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


CASES = [
    pytest.param(path, n, id=f"{path.relative_to(ROOT)}-{n}")
    for path in DOCUMENTS
    for n in range(len(blocks(path)))
]


@pytest.mark.parametrize(("path", "n"), CASES)
def test_block_runs(path, n, tmp_path):
    text = blocks(path)[n]
    if text.startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
        runner = doctest.DocTestRunner()
        report: list[str] = []
        runner.run(test, out=report.append)
        assert not runner.summarize(verbose=False).failed, "".join(report)
        return
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    if path.name == "README.md":
        assert done.stdout.startswith("True ")


def test_links_lead_somewhere():
    for path in (*DOCUMENTS, ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_nothing_names_a_machine():
    """No committed text holds a path of one machine or the host of a package registry."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    words = ("/wo" + "rk/", "pypi" + ".org", "files.python" + "hosted", os.sep + "root" + os.sep)
    for name in listed:
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        assert not [word for word in words if word in text], name
