"""The whole of cxanim in one file: animate a photograph, train a puppet on a clip of it, drive it, score it.

    python examples/example.py [FOLDER]

Needs no network and no material: the photograph is the astronaut of scikit-image (NASA, public domain), the clip is
made from it. On two CPU cores it takes about two minutes and leaves four videos, a puppet and a motion in FOLDER.
"""

import sys
from pathlib import Path

import torch
from skimage.data import astronaut

from cxanim import AnimateSettings, FitSettings, Puppet, animate, drive, evaluate, extract_motion, train
from cxanim.images import write_image
from cxanim.losses import contextual_loss, feature_network

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "example")
folder.mkdir(exist_ok=True)
photo = folder / "astronaut.png"
write_image(photo, astronaut())

# A photo moves at once: a preset first, then the motion taken out of the video that it made.
talk = animate(photo, "talk", folder / "talk.mp4", AnimateSettings(size=256))
print(f"{talk.frames} frames at {talk.fps:g} fps in {talk.seconds:.1f} s")
motion = extract_motion(talk.path, folder / "talk.npz").motion
animate(photo, folder / "talk.npz", folder / "copied.gif", AnimateSettings(size=256, crop=True))

# A clip becomes a puppet; a minute is enough to see it learn.
trained = train([talk.path], folder / "astronaut.puppet", FitSettings(minutes=1))
print(f"{trained.steps} steps: " + ", ".join(f"{name} {value:.3f}" for name, value in trained.terms.items()))
puppet = Puppet.load(folder / "astronaut.puppet")
drive(puppet, "look-around", folder / "driven.mp4", beside=folder / "beside.mp4")
scores = evaluate(puppet, talk.path)
print(f"landmarks are off by {scores['akd_px']:.2f} px, by {scores['baselines']['warp']['akd_px']:.2f} px untrained")

# The loss alone: two pictures compared as sets of features, wherever in the picture these are.
see = feature_network("small", ("relu3_2",))
picture = torch.from_numpy(astronaut()).permute(2, 0, 1)[None] / 255
moved = picture.roll(40, dims=3)
x, y = see(moved)["relu3_2"], see(picture)["relu3_2"]
print(f"contextual loss of the picture moved by 40 px: {contextual_loss(x, y):.4f}; L1 of its pixels: "
      f"{(moved - picture).abs().mean():.4f}")  # fmt: skip
