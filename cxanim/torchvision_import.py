"""The one door to torchvision, which opens even beside a torch that it was not built for.

torchvision's ordinary wheel is a CUDA build. Beside a CPU build of torch its compiled part cannot be loaded,
so the operators in it are never registered, and the import stops at the first Python file that describes one:
``RuntimeError: operator torchvision::nms does not exist``. The Python part, which is all we need (the VGG-19
download), is sound. So on exactly that error we declare the two operators that the import describes, by their
schemas and without an implementation, and import again. Calling them would still fail, loudly.
"""

import importlib
import sys
from types import ModuleType

import torch

MISSING_OPERATOR = "operator torchvision::nms does not exist"
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# A declaration lasts as long as the object that made it.
_declarations: list[torch.library.Library] = []


def import_torchvision() -> ModuleType:
    """Import torchvision, declaring its missing operators where its compiled part cannot be loaded.

    Returns:
        The module `torchvision`.

    Raises:
        ImportError: when torchvision is not installed.
        Exception: whatever else its import raises; only the one error above is dealt with.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if str(error) != MISSING_OPERATOR or _declarations:
            raise
    for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    _declarations.append(library)
    return importlib.import_module("torchvision")
