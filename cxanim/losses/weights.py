"""Where the weights of a feature network lie, and how they are read without running anything in them.

`small` comes with the program. VGG-19 is looked for in this order: a path given by the caller, the file that
the environment variable CXANIM_VGG19 names, `checkpoints/vgg19*.safetensors`, torchvision's own download.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cxanim.errors import MissingWeights
from cxanim.torchvision_import import import_torchvision

PACKAGE = Path(__file__).resolve().parent.parent
CHECKPOINTS = (PACKAGE.parent / "checkpoints", PACKAGE / "checkpoints")  # a source checkout; an installed package
VGG19_VARIABLE = "CXANIM_VGG19"
VGG19_DOWNLOAD = "vgg19-dcbb9e9d.pth"

PUT_VGG19 = (
    f"Put a safetensors file with torchvision's VGG-19 keys at {CHECKPOINTS[0] / 'vgg19.safetensors'}, "
    f"or name it in {VGG19_VARIABLE}, or connect to the internet once, or choose the features 'small'."
)
PUT_SMALL = f"Restore {CHECKPOINTS[0] / 'small.safetensors'}: it is part of the program."


def available(name: str) -> bool:
    """Whether a network's weights are on this machine, so that using it needs no download."""
    path = _local_file(name)
    if path is None and name == "vgg19":
        path = _download()
    return path is not None and path.is_file()


def load_weights(name: str, keys: Mapping[str, str], path: Path | None = None) -> dict[str, Tensor]:
    """Read the convolutions that a network needs.

    Args:
        name: "vgg19" or "small".
        keys: position ("3_2") to key ("features.12") of each convolution needed, shallow to deep.
        path: safetensors file to read; found as this module's first lines say by default.

    Returns:
        A state dict with `<key>.weight` and `<key>.bias` of each.

    Raises:
        MissingWeights: no such file, an unreadable one, or one that ends before the deepest convolution.
    """
    path = Path(path) if path is not None else _local_file(name)
    if path is not None:
        state = _read(path, keys)
    elif name == "vgg19":
        state = _downloaded()
    else:
        raise MissingWeights(f"The weights of the feature network {name!r} are not here.", PUT_SMALL)
    wanted = [f"{key}.{part}" for key in keys.values() for part in ("weight", "bias")]
    return {key: state[key].float() for key in wanted}


def _local_file(name: str) -> Path | None:
    named = os.environ.get(VGG19_VARIABLE) if name == "vgg19" else None
    if named:
        return Path(named)
    pattern = "vgg19*.safetensors" if name == "vgg19" else f"{name}.safetensors"
    return next((file for folder in CHECKPOINTS for file in sorted(folder.glob(pattern))), None)


def _read(path: Path, keys: Mapping[str, str]) -> dict[str, Tensor]:
    if not path.is_file():
        raise MissingWeights(f"There is no weights file at {path}.", PUT_VGG19)
    try:
        with safe_open(path, framework="pt") as file:
            held = set(file.keys())
            missing = [position for position, key in keys.items() if not {f"{key}.weight", f"{key}.bias"} <= held]
            if not missing:
                return {name: file.get_tensor(name) for name in _names(keys)}
    except SafetensorError as error:
        raise MissingWeights(f"{path} is not a readable safetensors file ({error}).", PUT_VGG19) from error
    held_positions = [position for position in keys if position not in missing]
    if not held_positions:
        raise MissingWeights(f"{path} holds no VGG layer in torchvision's layout (features.0.weight).", PUT_VGG19)
    deepest = held_positions[-1]
    raise MissingWeights(
        f"{path} ends after conv{deepest}; conv{list(keys)[-1]} is needed.",
        f"Choose layers up to relu{deepest}, or put a whole VGG-19 file in its place.",
    )


def _names(keys: Mapping[str, str]) -> Iterator[str]:
    for key in keys.values():
        yield f"{key}.weight"
        yield f"{key}.bias"


def _download() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / VGG19_DOWNLOAD


def _downloaded() -> dict[str, Tensor]:
    models = import_torchvision().models
    try:
        return models.VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (URLError, OSError) as error:
        raise MissingWeights(f"VGG-19's weights are not here and cannot be downloaded ({error}).", PUT_VGG19) from error
