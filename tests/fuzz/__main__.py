"""`make fuzz COUNT=300 SEED=1`: random whole networks through torch, golden, RTL and netlist."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

if __name__ == "__main__":
    from support.fuzz.command import main

    sys.exit(main(sys.argv[1:]))
