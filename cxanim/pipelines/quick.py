"""A trained network in whole numbers of one byte, for playing live: OpenVINO and NNCF, where they are installed.

Both come with the extra `openvino`. How large a network's numbers become is told by some conditions that it will see;
its pictures hardly change, and it takes a third of the time (docs/log.md, 2026-11-27).
"""

import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from cxanim.models.crn import CRN

Ask = Callable[[torch.Tensor], torch.Tensor]
_compiled: WeakKeyDictionary[CRN, Any] = WeakKeyDictionary()
_compiling = threading.Lock()  # what is printed and warned of is turned aside for all, and PyTorch traces one at a time


def is_installed() -> bool:
    """Whether the extra is there."""
    return all(find_spec(name) is not None for name in ("openvino", "nncf"))


def in_bytes(network: CRN, seen: Callable[[], Sequence[np.ndarray]]) -> Ask:
    """What answers as the network does, for one picture after the other and one thread at a time; some seconds.

    Args:
        network: trained, in eval mode, on a CPU.
        seen: makes conditions (1, C, S, S) float32 as the network will see them; not asked where it was made before.
    """
    with _compiling:
        if network not in _compiled:
            conditions = seen()
            with redirect_stdout(sys.stderr):  # where its progress does not get among what is printed
                _compiled[network] = _made(network, conditions)
        request = _compiled[network].create_infer_request()

    def ask(condition: torch.Tensor) -> torch.Tensor:
        by_pixels = condition.permute(0, 2, 3, 1).contiguous().numpy()  # of what is laid out for speed, the same memory
        said = request.infer({0: by_pixels}, share_inputs=True)[0]
        return torch.from_numpy(said.copy()).permute(0, 3, 1, 2)

    return ask


def _made(network: CRN, seen: Sequence[np.ndarray]) -> Any:
    os.environ.setdefault("NNCF_CI", "1")  # or it would tell its makers that it is used
    import nncf
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is on its way out in PyTorch, and still OpenVINO's way in
        decoder = TorchScriptPythonDecoder(network, example_input=torch.from_numpy(seen[0]))
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = frontend.convert(frontend.load(decoder))
    model.reshape(list(seen[0].shape))
    nncf.set_log_level("ERROR")
    model = nncf.quantize(model, nncf.Dataset(list(seen)), preset=nncf.QuantizationPreset.MIXED, subset_size=len(seen))
    pixels_first = openvino.preprocess.PrePostProcessor(model)
    for end in (pixels_first.input(), pixels_first.output()):
        end.tensor().set_layout(openvino.Layout("NHWC"))
        end.model().set_layout(openvino.Layout("NCHW"))
    model = pixels_first.build()
    how = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": max(1, torch.get_num_threads() // 2)}
    return openvino.Core().compile_model(model, "CPU", how)
