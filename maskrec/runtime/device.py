"""Devices, precision and threads."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from maskrec.base.errors import UsageError
from maskrec.recipe.plan import Train


def pick_device(wanted: str) -> torch.device:
    """The device for this process: ``auto`` is CUDA (this process's card) when there is one, else the CPU.

    Raises:
        UsageError: a device that torch does not know or this machine does not have.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UsageError(
            f"train.device: torch does not know the device {wanted!r}; use auto, cpu, cuda or cuda:N"
        ) from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UsageError(f"train.device is {wanted} but this machine has no usable CUDA device; use cpu or auto")
        index = device.index if device.index is not None else int(os.environ.get("LOCAL_RANK", "0"))
        if index >= torch.cuda.device_count():
            raise UsageError(
                f"train.device is cuda:{index}, but the number of CUDA devices is {torch.cuda.device_count()}"
            )
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    return device


def pick_precision(wanted: str, device: torch.device) -> str:
    """``auto`` is bfloat16 on CUDA and float32 elsewhere."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device.type == "cuda" else "float32"


def parameter_dtype(precision: str) -> torch.dtype:
    """The type of the weights: float64 when asked for, else float32."""
    return torch.float64 if precision == "float64" else torch.float32


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """The context a backbone's forward pass runs in."""
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def set_threads(train: Train) -> None:
    """Set torch's number of CPU threads to the recipe's, when it gives one."""
    if train.threads is not None:
        torch.set_num_threads(train.threads)
