"""The paper's claims, each runnable: `python -m cxanim.experiments NAME` writes a figure and a short text."""
