"""`python -m hwgen`."""

from hwgen.cli import main

if __name__ == "__main__":
    main()
