"""The command line: `hwgen VERB`, one file a verb, thin, over the API.

Exit status: 0 done, 1 the user's error (one clear message), 2 usage, 130 interrupted.
"""

__all__ = ["app", "main"]

import io
import os
import sys
import warnings
from typing import Annotated, TextIO

import typer

from hwgen.cli.build import build
from hwgen.cli.compare import compare
from hwgen.cli.compress import compress
from hwgen.cli.cost import cost
from hwgen.cli.demo import demo
from hwgen.cli.doctor import doctor
from hwgen.cli.flash import flash
from hwgen.cli.generate import generate
from hwgen.cli.import_ import import_
from hwgen.cli.plan import plan
from hwgen.cli.report import report
from hwgen.cli.simulate import simulate
from hwgen.cli.targets import targets
from hwgen.errors import HwgenError, HwgenWarning

app = typer.Typer(
    name="hwgen",
    help="From a PyTorch network to an FPGA or ASIC: compress, generate, prove bit-exact, cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for _name, _verb in (
    ("demo", demo),
    ("compress", compress),
    ("import", import_),
    ("plan", plan),
    ("generate", generate),
    ("simulate", simulate),
    ("cost", cost),
    ("compare", compare),
    ("build", build),
    ("flash", flash),
    ("report", report),
    ("targets", targets),
    ("doctor", doctor),
):
    app.command(_name)(_verb)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"hwgen {version('hwgen')}")
        raise typer.Exit


def _verbose(wanted: bool) -> None:
    if wanted:
        import logging

        logging.basicConfig(format="hwgen: %(message)s", level=logging.WARNING)
        logging.getLogger("hwgen").setLevel(logging.INFO)


@app.callback()
def options(
    verbose: Annotated[
        bool,
        typer.Option(
            "-v", "--verbose", callback=_verbose, help="Say which programs run, and what is kept."
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a PyTorch network to an FPGA or ASIC: compress, generate, prove bit-exact, cost."""


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning of ours as one line, and others as Python does."""
    ours = issubclass(category, HwgenWarning)
    text = f"hwgen: warning: {message}\n"
    (file or sys.stderr).write(
        text if ours else warnings.formatwarning(message, category, filename, lineno, line)
    )


INTERRUPTED = 130  # what a shell says of Ctrl-C


def main() -> None:
    """Run the command line; a user's error becomes one message and exit status 1."""
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal cannot show is no reason to end
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except HwgenError as error:
        sys.stderr.write(f"hwgen: {error}\n")
        sys.exit(1)
    except OSError as error:  # of files, HwgenError tells; this is the terminal, or what it is
        sys.stderr.write(f"hwgen: {error.filename or 'output'}: {error.strerror or error}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what Python still flushes
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # by typer
            warnings.simplefilter("ignore")  # Amaranth complains of what a half-made design leaves
        raise
    except KeyboardInterrupt:
        sys.stderr.write("hwgen: interrupted\n")
        sys.exit(INTERRUPTED)
