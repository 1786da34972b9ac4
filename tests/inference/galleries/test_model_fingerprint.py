"""Which model a gallery is of: one fingerprint for a run, its exported file and their model folders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from small_recipe import PIECES

from maskrec.base.hashing import file_sha256
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.model_folder import ModelFolder, ModelWeights, write_model_folder
from maskrec.inference.galleries.enrolled import GalleryModel
from maskrec.inference.galleries.model_fingerprint import gallery_model_of
from maskrec.inference.open_face_model import open_face_model

Train = Callable[..., Path]


def model_of(path: Path) -> GalleryModel:
    return open_face_model(path, plugins=[PIECES], device="cpu").gallery_model


def test_a_run_its_file_and_their_folders_are_one_model(train: Train, tmp_path: Path) -> None:
    run = train("one", {"train": {"epochs": 1, "workers": 0}})
    opened = open_face_model(run, plugins=[PIECES], device="cpu")
    file = tmp_path / "net.onnx"
    opened.export(file)
    folders = []
    for name, weights in (
        ("of_run", ModelWeights("run", file_sha256(run / "checkpoints" / "best.safetensors"), run, "best")),
        ("of_file", ModelWeights("onnx", file_sha256(file), file)),
    ):
        folder = ModelFolder(tmp_path / name, name, weights, opened.spec)
        folder.path.mkdir()
        write_model_folder(folder, {})
        folders.append(folder.path)
    found = [opened.gallery_model, *map(model_of, [run, file, *folders])]
    assert {each[:2] for each in found} == {found[0][:2]}
    assert found[0].width == opened.network.embedding_size
    assert all(str(where) in each.words for where, each in zip([run, run, file, *folders], found, strict=True))
    assert opened.model is not None
    with torch.no_grad():
        next(opened.model.network.parameters()).add_(1e-3)
    assert opened.gallery_model.fingerprint != found[0].fingerprint

    old = onnx.load_model(str(file))  # as files were before they said which weights they have
    kept = [entry for entry in old.metadata_props if entry.key != "maskrec.weights"]
    assert len(kept) == len(old.metadata_props) - 1
    del old.metadata_props[:]
    old.metadata_props.extend(kept)
    before = tmp_path / "before.onnx"
    onnx.save_model(old, str(before))
    spec, width = opened.spec, found[0].width
    of_file = gallery_model_of(hashlib.sha256(before.read_bytes()).hexdigest(), spec, width, str(before))
    assert model_of(before) == of_file
    assert of_file.fingerprint != found[0].fingerprint


def test_the_same_weights_that_see_other_faces_are_another_model() -> None:
    spec = InputSpec(112, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "rgb", "arcface")
    models = [gallery_model_of("ab" * 32, each, 512, "x") for each in (spec, replace(spec, alignment="box"))]
    assert models[0].fingerprint != models[1].fingerprint
    assert models[0] == gallery_model_of("ab" * 32, replace(spec), 512, "x")
