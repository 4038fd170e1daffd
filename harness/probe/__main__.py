"""A process that measures: ``python -m harness_probe REQUEST ANSWER``, see ``reading.py``."""

import sys

from .reading import main

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
