"""How the losses of a batch become one number."""

from torch import Tensor


def reduced(per_sample: Tensor, reduction: str) -> Tensor:
    """Return the mean of per-sample losses (B,), or all of them when `reduction` is "none"."""
    if reduction == "mean":
        return per_sample.mean()
    if reduction == "none":
        return per_sample
    raise ValueError(f"reduction: got {reduction!r}, expected 'mean' or 'none'")
