"""Every code block in the documents runs."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import typer

import hwgen
from hwgen.cli import app
from hwgen.compression.recipes.prune_recipe import PruneRecipe
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from support.supported import PAGE as SUPPORTED
from support.supported import page

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


WITH_CODE = [path for path in DOCUMENTS if blocks(path)]
# Runs the blocks of a document one after the other, each with names and a folder of its own.
RUNNER = """
import doctest, json, os, sys, tempfile
for number, text in enumerate(json.load(sys.stdin)):
    print("block", number, flush=True)
    os.chdir(tempfile.mkdtemp(dir=sys.argv[1]))
    if text.startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(text, {}, "block", None, 0)
        assert not doctest.DocTestRunner().run(test).failed
    else:
        exec(compile(text, f"block {number}", "exec"), {"__name__": "__main__"})
"""


def test_the_site_builds_without_a_warning(tmp_path):
    """Every page is in it, and its links lead somewhere."""
    arguments = ["-b", "html", "-W", "--keep-going", "-q", str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.relative_to(ROOT / "docs") for path in DOCUMENTS[1:]}
    assert all((tmp_path / page.with_suffix(".html")).is_file() for page in pages)
    api = (tmp_path / "api.html").read_text(encoding="utf-8")
    places = {f'id="hwgen.{part}{name}"' for name in hwgen.__all__ for part in ("", "errors.")}
    assert sum(place in api for place in places) == len(hwgen.__all__)
    links = re.findall(r'href="([^"#:?]+\.html)(?:#[^"]*)?"', (tmp_path / "index.html").read_text())
    assert len(links) > 20 and all((tmp_path / link).is_file() for link in links)


def test_the_task_on_the_page_is_the_file():
    page = (ROOT / "docs" / "your-own-model.md").read_text(encoding="utf-8")
    for name, kind in (("waves_task.py", "py"), ("waves.toml", "toml")):
        text = (ROOT / "examples" / name).read_text(encoding="utf-8")
        assert f"```{kind}\n{text}```\n" in page, name


def test_messages_of_troubleshooting_exist():
    """What the page quotes is said somewhere in the code."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r'\*\*"(.+?)"\*\*', page)
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "hwgen").rglob("*.py"))
    assert len(quoted) > 10 and [text for text in quoted if text not in code] == []


@pytest.mark.parametrize("path", WITH_CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_run(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(tmp_path)],
        input=json.dumps(blocks(path)),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("block ") >= len(blocks(path))
    if path.name == "README.md":
        assert "\nTrue " in done.stdout


PAGES = sorted((ROOT / "docs" / "boards").glob("*.md"))


def commands(path: Path) -> list[str]:
    """Return the lines of the blocks for the shell, in order."""
    text = path.read_text(encoding="utf-8")
    return "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines()


def test_commands_are_understood():
    """Every command for the shell is one of ours, with options that there are; `make` has its
    target, and what is run or read is there."""
    verbs = typer.main.get_command(app).commands
    for path in (*PAGES, ROOT / "docs" / "boards.md"):
        assert commands(path)
        for line in commands(path):
            program, *arguments = shlex.split(line)
            if program == "hwgen":
                verb = verbs[arguments[0]]
                verb.make_context(arguments[0], arguments[1:])
            elif program == "make":
                done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True)
                assert done.returncode == 0, line
            else:
                assert program in ("python", "source"), line
            for argument in arguments:
                if argument.startswith("examples/"):
                    assert (ROOT / argument.partition(":")[0]).is_file(), line


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_run(path, tmp_path):
    """The commands of a page in its order, as in a clone whose `.venv` is this one; those that
    need a board end with what is missing."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    scripts = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    for line in commands(path):
        program, *arguments = shlex.split(line)
        if program in ("make", "source"):
            continue  # what this suite is run by, and in
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        said = done.stdout + done.stderr
        if line.startswith("hwgen flash"):
            assert done.returncode == 1 and "openFPGALoader" in said, said
        elif "/dev/tty" in line:
            assert done.returncode != 0 and "/dev/tty" in said, said
        else:
            assert done.returncode == 0, f"{line}\n{said}"


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
        if (ROOT / name).is_dir():  # a link to one, whose files are listed themselves
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        assert not [word for word in words if word in text], name


def test_the_literatures_words_lead_to_fields():
    """Of each survey's term that the table names there is a field, and the README leads there."""
    text = (ROOT / "docs" / "compression.md").read_text(encoding="utf-8")
    table = text.partition("## The literature's words\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if "`" in line]
    words = ("unstructured", "structured", "filter-wise", "channel-wise", "shape-wise")
    for word in (*words, "stripe-wise", "equalization"):
        assert any(word in row[0].split() or f"{word}," in row[0].split() for row in rows), word
    kinds = {
        kind.__name__: {f.name for f in fields(kind)} for kind in (PruneRecipe, QuantizeRecipe)
    }
    for _, named, _ in rows:
        found = re.findall(r"`(\w*)\.(\w+)`", named)
        kind = found[0][0]
        assert found and all(name in kinds[kind] for _, name in found), named
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "docs/compression.md#the-literatures-words" in readme
    assert all(word in readme for word in (*words, "stripe-wise", "equalization"))


def test_files_that_contributing_names_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in re.findall(
        r"`((?:hwgen|boards|sim|rtl_templates|tests|docs|benchmarks)/[^` ]*)`", text
    ):
        assert any(ROOT.glob(name.rstrip("/").replace("NAME", "nexus"))), name


def test_the_page_of_what_is_supported_is_made_of_the_tables():
    """If this fails: cd tests && python -m support.supported."""
    assert SUPPORTED.read_text(encoding="utf-8") == page()
