"""cxanim: photoreal puppets from one photo or one clip, trained with the Contextual loss.

    from cxanim import Puppet, animate, drive, evaluate, train

Names are imported when they are first used, so that `import cxanim` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AnimateSettings": "cxanim.pipelines.animate",
    "CxanimError": "cxanim.errors",
    "DomainFitSettings": "cxanim.pipelines.domain_fit",
    "DriveSettings": "cxanim.pipelines.drive_settings",
    "EditSettings": "cxanim.pipelines.edit",
    "EvaluateSettings": "cxanim.pipelines.scoring",
    "Expression": "cxanim.motion.expression",
    "FigurePuppet": "cxanim.pipelines.figure_puppet",
    "FitSettings": "cxanim.pipelines.learn",
    "KeyframedMotion": "cxanim.motion.keyframes",
    "Machine": "cxanim.pipelines.machine",
    "Puppet": "cxanim.pipelines.puppet",
    "StyleFitSettings": "cxanim.pipelines.style_fit",
    "StyleSettings": "cxanim.pipelines.style",
    "UpscaleFitSettings": "cxanim.pipelines.upscale_fit",
    "UpscaleSettings": "cxanim.pipelines.upscale",
    "Watch": "cxanim.pipelines.watch",
    "animate": "cxanim.pipelines.animate",
    "apply_style": "cxanim.pipelines.style_apply",
    "drive": "cxanim.pipelines.drive",
    "edit": "cxanim.pipelines.edit",
    "evaluate": "cxanim.pipelines.evaluate",
    "evaluate_photo": "cxanim.pipelines.faithful",
    "extract_motion": "cxanim.pipelines.extract",
    "fit_domain": "cxanim.pipelines.domain_fit",
    "fit_style": "cxanim.pipelines.style_fit",
    "fit_upscaler": "cxanim.pipelines.upscale_fit",
    "load_puppet": "cxanim.pipelines.figure_puppet",
    "stylize": "cxanim.pipelines.style",
    "train": "cxanim.pipelines.fit",
    "translate": "cxanim.pipelines.domain_apply",
    "upscale": "cxanim.pipelines.upscale",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cxanim' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
