"""What the student is told: two lessons at every ReLU layer, on crops of natural images.

* A linear map, 1x1 and thrown away afterwards, turns the student's features into the teacher's (per channel of
  zero mean and unit variance); squared error (A. Romero et al., "FitNets", ICLR 2015).
* The cosines between centred features at random pairs of places are the teacher's (F. Tung, G. Mori,
  "Similarity-Preserving Knowledge Distillation", ICCV 2019): they are all that the Contextual loss sees.

Scaled so that each layer's mean activation on the validation images is 1; ReLU lets one convolution's scale be
undone in the next, so this changes no map and no cosine.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cxanim.distill.teachers import CHANNELS, LAYERS, Teachers
from cxanim.losses.features import WIDTHS, FeatureNetwork

_GRID_PX = {"1": 4, "2": 2, "3": 1, "4": 1}  # a stage is compared at one place in so many each way


class Lesson(nn.Module):
    """Compares the student's features with the teachers'.

    Args:
        teachers: who is right.
        examples: batches by which the teachers' channels are normalised.
        similarity_weight, similarity_places: of the second lesson.
    """

    def __init__(self, teachers: Teachers, examples: list[Tensor], *, similarity_weight: float, similarity_places: int):
        super().__init__()
        self.teachers = teachers
        self._similarity_weight, self._similarity_places = similarity_weight, similarity_places
        widths = dict(zip("1234", WIDTHS["small"], strict=True))
        self.maps = nn.ModuleDict(
            {layer: nn.Conv2d(widths[layer[4]], CHANNELS[layer[4]], kernel_size=1) for layer in LAYERS}
        )
        seen = [teachers(batch) for batch in examples]
        for layer in LAYERS:
            values = torch.cat(
                [_on_grid(layer, features[layer]).transpose(0, 1).flatten(1) for features in seen], dim=1
            )
            self.register_buffer(f"{layer}_mean", values.mean(dim=1)[:, None, None])
            deviations = values.std(dim=1)
            floor = 0.1 * deviations.mean()  # a channel that is silent on the examples must not shout later
            self.register_buffer(f"{layer}_std", deviations.clamp_min(floor)[:, None, None])

    def normalised(self, layer: str, features: Tensor) -> Tensor:
        """The teachers' features with zero mean and unit variance per channel."""
        return (features - self.get_buffer(f"{layer}_mean")) / self.get_buffer(f"{layer}_std")

    def forward(self, student: FeatureNetwork, images: Tensor) -> Tensor:
        """Mean over layers of both lessons' errors, each near 1 for a student that knows nothing."""
        with torch.no_grad():
            wanted = self.teachers(images)
        seen = student(images)
        errors = []
        for layer in LAYERS:
            offsets = torch.randint(_GRID_PX[layer[4]], (2,)).tolist()
            x, y = (_on_grid(layer, features[layer], offsets) for features in (seen, wanted))
            mapped = (self.maps[layer](x) - self.normalised(layer, y)).square().mean()
            errors.append(mapped + self._similarity_weight * self._similarity_error(x, y))
        return torch.stack(errors).mean()

    def _similarity_error(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Squared error of the cosines between features at random places, over their variance."""
        student, teacher = (f.transpose(0, 1).flatten(1).T for f in (student, teacher))
        places = torch.randint(len(student), (self._similarity_places,))
        seen, wanted = (_cosines(f[places]) for f in (student, teacher))
        return (seen - wanted).square().mean() / wanted.var()

    @torch.no_grad()
    def fidelity(self, student: FeatureNetwork, batches: list[Tensor]) -> dict[str, float]:
        """Correlation of mapped and true teacher features, per layer the median over channels."""
        moments: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
        for images in batches:
            seen, wanted = student(images), self.teachers(images)
            for layer in LAYERS:
                x, y = (_on_grid(layer, features[layer]) for features in (seen, wanted))
                a = self.maps[layer](x).transpose(0, 1).flatten(1).double()
                b = self.normalised(layer, y).transpose(0, 1).flatten(1).double()
                moments[layer].append(torch.stack([m.mean(1) for m in (a, b, a * a, b * b, a * b)]))
        table = {}
        for layer, parts in moments.items():
            a, b, aa, bb, ab = torch.stack(parts).mean(0)
            correlation = (ab - a * b) / ((aa - a * a) * (bb - b * b)).clamp_min(1e-12).sqrt()
            table[layer] = round(float(correlation.median()), 4)
        return table


@torch.no_grad()
def unit_scaled(student: FeatureNetwork, batches: list[Tensor]) -> dict[str, Tensor]:
    """The student's weights, each convolution scaled so that its mean ReLU activation on `batches` is 1."""
    means = {layer: torch.stack([student(images)[layer].mean() for images in batches]).mean() for layer in LAYERS}
    state, undo = {}, torch.tensor(1.0)
    for position, key in student.keys.items():
        mean = means[f"relu{position}"]
        state[f"{key}.weight"] = student.get_parameter(f"{key}.weight") * undo / mean
        state[f"{key}.bias"] = student.get_parameter(f"{key}.bias") / mean
        undo = mean
    return state


def _on_grid(layer: str, features: Tensor, offsets: Sequence[int] = (0, 0)) -> Tensor:
    step_px = _GRID_PX[layer[4]]
    return features[..., offsets[0] :: step_px, offsets[1] :: step_px]


def _cosines(features: Tensor) -> Tensor:
    unit = nn.functional.normalize(features - features.mean(dim=0), dim=1, eps=1e-6)
    return unit @ unit.T
