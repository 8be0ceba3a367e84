"""Constraints: what templates of several families have in common."""

__all__ = ["TEMPLATE", "clock_constraint", "pin_lines"]

from collections.abc import Sequence

TEMPLATE = "A template: copy it out of the package, which is replaced when it is generated again."


def pin_lines(line: str, ports: Sequence[str]) -> str:
    """Return a line for each port, {port} in `line`."""
    return "".join(line.format(port=port) for port in ports)


def clock_constraint(clock: str, clock_hz: int, ports: Sequence[str]) -> str:
    """Return Synopsys design constraints, which most tools read: the clock alone, whatever the
    ports are."""
    return (
        f"# {TEMPLATE}\n"
        f"create_clock -name {clock} -period {1e9 / clock_hz:.3f} [get_ports {clock}]\n"
    )
