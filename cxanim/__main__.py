"""`python -m cxanim` is `cxanim`."""

import sys

from cxanim.cli import main

if __name__ == "__main__":
    sys.exit(main())
