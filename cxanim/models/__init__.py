"""Networks, one per file."""

from cxanim.models.crn import CRN, PRESETS, CRNShape, multiply_adds

__all__ = ["CRN", "PRESETS", "CRNShape", "multiply_adds"]
