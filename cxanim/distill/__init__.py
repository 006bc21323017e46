"""Teaches the feature network `small` to see as VGG-19 does; `python -m cxanim.distill` is its door."""
