"""The documentation site: `make docs` builds it into build/docs, where a warning is an error."""

import re

project = "hwgen"
author = "The hwgen authors"
copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "hwgen"
exclude_patterns = ["conf.py"]

myst_heading_anchors = 3  # links to headings, as on the pages of a repository
autodoc_member_order = "bysource"

ENTRY = re.compile(r"([\w*]+(?:, [\w*]+)*) : (.*)")  # of a parameter, attribute or error
TEXT = re.compile(r"(``?[^`]+``?)|([*|_]+)")


def plain(text: str) -> str:
    """Return text whose stars and underlines mean themselves; code stays code."""

    def escaped(found: re.Match[str]) -> str:
        code, signs = found.groups()
        return f"``{code.strip('`')}``" if code else "".join("\\" + sign for sign in signs)

    return TEXT.sub(escaped, text)


def lay_out(app, what, name, obj, options, lines: list[str]) -> None:
    """Make lists of our docstrings' entries, "name : what it is", below headings or without."""
    found: list[str] = []
    inside = False  # of an entry
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        entry = ENTRY.fullmatch(line)
        if line and not line.strip("-") and len(line) > 2:
            continue
        if after and not after.strip("-") and len(after) > 2:
            found += ["", f"**{line}**", ""]
            inside = False
        elif entry:
            found += ["", f"``{entry[1]}``", f"    {plain(entry[2])}"]
            inside = True
        elif inside and line.startswith(" ") and line.strip():
            found.append(f"    {plain(line.strip())}")
        else:
            inside = inside and not line.strip()
            found += [
                *([""] if not inside and found and found[-1].startswith("    ") else []),
                line if line.startswith("    ") else plain(line),
            ]
    lines[:] = found


def setup(app) -> None:
    app.connect("autodoc-process-docstring", lay_out)
