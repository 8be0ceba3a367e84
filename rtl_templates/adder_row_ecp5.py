"""The adder cell on ECP5: carry chains of CCU2C."""

__all__ = ["Ecp5AdderRow"]

from dataclasses import dataclass

from amaranth import *

from hwgen_rtl_templates.adder_row import AdderRow
from hwgen_rtl_templates.bits import ZERO, BitFunction


@dataclass(frozen=True)
class _Place:
    """Half a CCU2C.

    init : its table of four inputs; the lowest four entries make the carry where the table is 0
    pins : A, B, C, D
    output : the sum, or None where nobody wants it
    """

    init: int
    pins: tuple[Value, Value, Value, Value]
    output: Value | None = None


def _order(p: BitFunction, q: BitFunction) -> tuple[int, ...] | None:
    """Return the inputs of q that take the pins C and D, or None where no choice does.

    With C and D low the table holds the carry that the place makes, which is p; so q must be 0
    there, unless D is free and can be tied high.
    """
    if p.inputs > 2 or p.inputs + q.inputs > 4:
        return None
    if p.inputs + q.inputs <= 3:
        return tuple(range(q.inputs))[-1:]
    for c in range(q.inputs):
        for d in range(q.inputs):
            low = ~(1 << c | 1 << d)
            if c != d and not any(q.table >> (n & low) & 1 for n in range(1 << q.inputs)):
                return (c, d)
    return None


class Ecp5AdderRow(AdderRow):
    """Sums along chains of CCU2C, a place a position and one between two sums.

    A place holds p of the pins A and B, and q of what is left. The first place of the chain, and
    each between two sums, passes no carry on but makes the next sum's own; its output is the
    carry that came in, the top bit of the sum before.

    References
    ----------
    Lattice FPGA-DS-02012, ECP5 and ECP5-5G Family Data Sheet: slice in ripple mode.
    """

    longest = 20  # 30 would save three in a hundred, at a tenth of the speed

    @classmethod
    def takes(cls, p: BitFunction, q: BitFunction) -> bool:
        """Say whether half a CCU2C can hold the two functions."""
        return _order(p, q) is not None

    def elaborate(self, platform):
        m = Module()
        places: list[_Place] = []
        above: Value | None = None  # what waits for the carry out of the last sum
        for n, part in enumerate(self.parameters.sums):
            p, q, c = self.operands(n)
            out = getattr(self, f"o_{n}")
            places.append(self._boundary(part.carry, c, above))
            for i, (f, g, x, y) in enumerate(zip(part.p, part.q, p, q, strict=True)):
                places.append(self._position(f, g, x, y, out[i]))
            above = out[part.positions] if part.grows else None
        if above is not None:
            places.append(self._boundary(ZERO, [], above))
        if len(places) % 2:
            places.append(self._boundary(ZERO, [], None))
        carry: Value | None = None
        for n, (low, high) in enumerate(zip(places[::2], places[1::2], strict=True)):
            ports = {"CIN": Const(0) if carry is None else carry}
            for half, place in enumerate((low, high)):
                ports |= {f"{pin}{half}": v for pin, v in zip("ABCD", place.pins, strict=True)}
            outputs = {f"S{half}": place.output for half, place in enumerate((low, high))}
            if n < len(places) // 2 - 1:
                carry = outputs["COUT"] = Signal(name=f"carry_{n}")
            m.submodules[f"cell_{n}"] = Instance(
                "CCU2C",
                *(("i", name, value) for name, value in ports.items()),
                *(("o", name, value) for name, value in outputs.items() if value is not None),
                p_INIT0=Const(low.init, 16),
                p_INIT1=Const(high.init, 16),
                p_INJECT1_0="NO",
                p_INJECT1_1="NO",
            )
        return m

    @staticmethod
    def _boundary(carry: BitFunction, inputs: list[Value], above: Value | None) -> _Place:
        """Return a place that kills the carry, shows it in `above`, and makes a new one."""
        if carry.inputs > 2:
            raise ValueError(f"Carry must have at most 2 inputs, not {carry.inputs}")
        made = sum((carry.table >> (n % (1 << carry.inputs)) & 1) << n for n in range(4))
        pins = (*inputs, *(Const(1) for _ in range(2 - len(inputs))))
        return _Place(made, (pins[0], pins[1], Const(1), Const(1)), above)

    @staticmethod
    def _position(
        p: BitFunction, q: BitFunction, x: list[Value], y: list[Value], output: Value
    ) -> _Place:
        """Return a place that adds two functions."""
        high = _order(p, q)
        if high is None:
            raise ValueError(f"CCU2C must hold {p} and {q}; use logic in front of it")
        low = [n for n in range(q.inputs) if n not in high]
        pins: list[Value | None] = [*x, *(y[n] for n in low)]
        pins += [None] * (2 - len(pins)) + [y[n] for n in high]
        pins += [None] * (4 - len(pins))
        places = {n: 2 + k for k, n in enumerate(high)} | {
            n: p.inputs + k for k, n in enumerate(low)
        }
        init = 0
        for entry in range(16):
            of_p = p.table >> (entry & ((1 << p.inputs) - 1)) & 1
            of_q = q.table >> sum((entry >> at & 1) << n for n, at in places.items()) & 1
            made = entry < 4 and p.inputs + q.inputs <= 3  # D is tied high: only for the carry
            init |= (of_p if made else of_p ^ of_q) << entry
        a, b, c, d = (Const(1) if pin is None else pin for pin in pins)
        return _Place(init, (a, b, c, d), output)
