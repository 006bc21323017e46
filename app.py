"""Opens the app in a browser: `python app.py`. This is also what a Space runs."""

import sys

from cxanim.errors import CxanimError
from cxanim.terminal import quiet_native_libraries

if __name__ == "__main__":
    quiet_native_libraries()
    from cxanim.ui.app import launch  # late: libraries greet while they are loaded

    try:
        launch()
    except CxanimError as error:
        sys.exit(str(error))
