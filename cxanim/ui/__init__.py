"""The browser app. Importing this package loads no Gradio; `cxanim.ui.app` does."""

import os

# Read when Gradio is imported: nothing of this app is reported to anyone.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
