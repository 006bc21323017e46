"""Opens the app in a browser: `python app.py`. This is also what a Space runs."""

import sys

from cxanim.errors import CxanimError
from cxanim.terminal import quiet_native_libraries
from cxanim.ui.app import launch

if __name__ == "__main__":
    quiet_native_libraries()
    try:
        launch()
    except CxanimError as error:
        sys.exit(str(error))
