"""Distillation against plain float64 loops; the teacher's own input; two processes; what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_templates import SPEC, Teacher, plain_loss, plain_template
from torch import Tensor, multiprocessing

from maskrec.base.errors import UsageError
from maskrec.contracts.call_loss import call_loss
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.sample import Batch
from maskrec.faces.alignment import arcface_template
from maskrec.faces.normalising import normalise
from maskrec.losses.margins.arcface import ArcFace
from maskrec.losses.template_distillation import TemplateDistillation
from maskrec.losses.weighted_sum import WeightedSum
from maskrec.training.steps.optimizing import trained_parameters

FACES = Path(__file__).parents[2] / "../shared/faces"


def batch_of(clean: Tensor) -> Batch:
    """A batch whose images are black, as if transforms hid everything: the teacher must see the clean faces."""
    count = len(clean)
    zeros = torch.zeros(count, dtype=torch.int64)
    return Batch(torch.zeros(clean.shape), clean, zeros, None, zeros.bool(), zeros, 0, 0)


def faces(count: int, size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)


@settings(deadline=None, max_examples=15)
@given(
    st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([4, 8]), st.sampled_from(["cosine", "squared_l2"]),
    st.floats(0.01, 100), st.booleans(),
)  # fmt: skip
def test_it_is_the_mean_distance_to_the_teachers_templates(
    seed: int, count: int, size: int, distance: Any, length: float, flip: bool
) -> None:
    teacher, clean = Teacher(), faces(count, size, seed)
    rows = torch.randn(count, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * length
    expected = plain_loss(teacher, rows.numpy(), clean.numpy(), 2.0 if distance == "squared_l2" else 1.0, flip)
    loss = TemplateDistillation(teacher, 5, distance=distance, flip=flip).double().train()
    value = loss(rows, torch.zeros(count, dtype=torch.int64), batch_of(clean))
    assert value.dtype is torch.float64
    assert float(value) == pytest.approx(expected, abs=1e-9)
    assert 1 - loss.diagnostics()["cosine"] == pytest.approx(
        expected / (2 if distance == "squared_l2" else 1), abs=1e-9
    )


def test_squared_l2_is_that_of_unit_embeddings() -> None:
    loss, clean = TemplateDistillation(Teacher(), 5, distance="squared_l2").double(), faces(6, 4)
    rows = torch.randn(6, 5, dtype=torch.float64) * 7
    templates = loss.templates(clean, torch.float64)
    unit = [x / x.norm(dim=1, keepdim=True) for x in (rows, templates)]
    expected = ((unit[0] - unit[1]) ** 2).sum(1).mean()
    torch.testing.assert_close(loss(rows, torch.zeros(6, dtype=torch.int64), batch_of(clean)), expected)


def test_only_the_student_gets_a_gradient_and_it_is_the_right_one() -> None:
    loss, clean = TemplateDistillation(Teacher(), 5).double(), faces(3, 4)
    labels, batch = torch.zeros(3, dtype=torch.int64), batch_of(clean)
    rows = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels, batch), (rows,))
    loss(rows, labels, batch).backward()
    assert all(weight.grad is None and not weight.requires_grad for weight in loss.parameters())


def test_a_student_that_agrees_loses_nothing_and_one_that_is_opposite_two() -> None:
    loss, clean = TemplateDistillation(Teacher(), 5), faces(4, 4)
    labels, batch = torch.zeros(4, dtype=torch.int64), batch_of(clean)
    templates = loss.templates(clean)
    assert float(loss(3 * templates, labels, batch)) == pytest.approx(0, abs=1e-6)
    assert float(loss(-templates, labels, batch)) == pytest.approx(2, abs=1e-6)


def test_training_leaves_the_teacher_as_it_was() -> None:
    teacher = Teacher()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    inner = TemplateDistillation(teacher, 5)
    loss = WeightedSum({"near": inner, "arc": ArcFace(5, 2, [2, 2])}, {"near": 1.0, "arc": 0.1}).train()
    assert inner.training
    assert not teacher.training
    assert not teacher.bn.training
    rows = torch.randn(4, 5, requires_grad=True)
    call_loss(loss, rows, torch.tensor([0, 1, 0, 1]), batch_of(faces(4, 4))).backward()
    assert rows.grad is not None
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert list(loss.frozen()) == [teacher]
    assert "near/cosine" in loss.diagnostics()


def test_reduced_precision_is_near() -> None:
    clean, labels = faces(8, 4), torch.zeros(8, dtype=torch.int64)
    rows = torch.randn(8, 5)
    exact = TemplateDistillation(Teacher(), 5)
    rough = TemplateDistillation(Teacher(), 5, precision="bfloat16")
    wanted = exact(rows, labels, batch_of(clean))
    assert rough(rows, labels, batch_of(clean)) == pytest.approx(float(wanted), abs=0.02)
    assert not torch.equal(rough.templates(clean), exact.templates(clean))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = exact(rows.bfloat16(), labels, batch_of(clean))
    assert within.dtype is torch.float32
    assert within == pytest.approx(float(wanted), abs=0.02)


def test_a_teacher_of_another_size_is_refused_alike_by_check_and_constructor() -> None:
    values = {"teacher": Teacher(), "distance": "cosine", "precision": "float32", "projection": "none"}
    (problem,) = TemplateDistillation.check(values, CheckContext({"embedding_size": 512}))
    assert problem.path == "teacher"
    assert "5 numbers and the student's 512" in problem.message
    assert not list(TemplateDistillation.check(values, CheckContext({"embedding_size": 5})))
    with pytest.raises(ValueError, match="5 numbers and the student's 512") as raised:
        TemplateDistillation(Teacher(), 512)
    assert str(raised.value).startswith(problem.message)


@pytest.mark.parametrize("alignment", ["box", "none"])
def test_a_teacher_to_whose_alignment_landmarks_do_not_lead_is_refused(alignment: Any) -> None:
    arcface = Context(input_spec=InputSpec(160, alignment="arcface"))
    teacher = Teacher(spec=replace(SPEC, alignment=alignment))
    with pytest.raises(ValueError, match=rf"teacher expects faces aligned as '{alignment}'.*student as 'arcface'"):
        TemplateDistillation(teacher, 5, arcface)
    TemplateDistillation(teacher, 5, Context(input_spec=InputSpec(160, alignment=alignment)))


def test_a_teacher_of_another_alignment_sees_each_face_on_its_own_canvas() -> None:
    """A face on its template already is as it was; one that was moved with its landmarks is brought back."""
    spec = replace(SPEC, size=8)
    loss = TemplateDistillation(Teacher(8, spec=spec), 5, Context(input_spec=InputSpec(8))).double()
    plain = TemplateDistillation(Teacher(8, spec=spec), 5).double()
    clean, there = faces(3, 8), torch.from_numpy(arcface_template(8)).expand(3, 5, 2)
    expected = plain.templates(clean, torch.float64)
    torch.testing.assert_close(loss.templates(clean, torch.float64, there), expected, rtol=0, atol=1e-9)
    wide = torch.zeros(3, 3, 12, 12, dtype=torch.uint8)
    wide[:, :, 3:11, 1:9] = clean
    batch = replace(batch_of(wide), landmarks=there + torch.tensor([1.0, 3.0]))
    rows = torch.randn(3, 5, dtype=torch.float64)
    value = loss(rows, batch.labels, batch)
    torch.testing.assert_close(value, plain(rows, batch.labels, batch_of(clean)), rtol=0, atol=1e-9)


def test_without_landmarks_the_teacher_that_needs_them_is_named_by_check_and_at_the_first_batch() -> None:
    teachers = {"near": Teacher(spec=replace(SPEC, alignment="none")), "far": Teacher()}
    student = InputSpec(4, alignment="none")
    values = {"teacher": teachers, "projection": "none"}
    (problem,) = TemplateDistillation.check(values, CheckContext({"embedding_size": 10}, False, student))
    assert problem.path == "teacher.far"
    assert "teacher.far expects faces aligned as 'arcface'" in problem.message
    assert "landmarks, which the data does not have" in problem.message
    for known in (True, None):
        assert not list(TemplateDistillation.check(values, CheckContext({"embedding_size": 10}, known, student)))
    loss = TemplateDistillation(teachers, 10, Context(input_spec=student))
    with pytest.raises(UsageError, match=r"teacher\.far expects .* and this batch has no landmarks"):
        loss(torch.randn(2, 10), torch.zeros(2, dtype=torch.int64), batch_of(faces(2, 4)))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(2, 9), st.booleans())
def test_several_teachers_are_joined_at_unit_length_and_a_projection_leads_to_them(
    seed: int, count: int, size: int, projected: bool
) -> None:
    clean, sizes = faces(count, 4, seed), (5, 3)
    teachers = {"one": Teacher(), "two": Teacher(embedding_size=3)}
    size = size if projected else sum(sizes)
    rows = torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    loss = TemplateDistillation(teachers, size, projection="linear" if projected else "none").double()
    matrix = np.eye(8) if loss.projection is None else loss.projection.weight.detach().numpy()
    total = 0.0
    for row, face in zip(rows.numpy(), clean.numpy(), strict=True):
        parts = [plain_template(each, [c / 255.0 for c in face.astype(np.float64)]) for each in teachers.values()]
        joined = np.concatenate([part / np.sqrt((part**2).sum()) for part in parts])
        student = matrix @ row
        total += 1 - student @ joined / math.sqrt(student @ student) / math.sqrt(joined @ joined)
    value = loss(rows, torch.zeros(count, dtype=torch.int64), batch_of(clean))
    assert float(value.detach()) == pytest.approx(total / count, abs=1e-9)


@pytest.mark.parametrize("size", [3, 5, 40])
def test_a_projection_is_trained_and_starts_without_stretching(size: int) -> None:
    torch.manual_seed(0)
    loss = TemplateDistillation(Teacher(), size, projection="linear")
    assert loss.projection is not None
    assert (torch.linalg.svdvals(loss.projection.weight.detach()) - 1).abs().max() < 1e-5
    assert [id(weight) for weight in trained_parameters(loss)] == [id(loss.projection.weight)]
    rows = torch.randn(4, size, requires_grad=True)
    loss(rows, torch.zeros(4, dtype=torch.int64), batch_of(faces(4, 4))).backward()
    assert rows.grad is not None
    assert loss.projection.weight.grad is not None
    assert float(loss.projection.weight.grad.abs().max()) > 0


def test_no_teacher_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one teacher"):
        TemplateDistillation({}, 5)


def test_a_teacher_that_does_not_keep_its_word_and_a_wrong_student_are_told() -> None:
    liar = Teacher(embedding_size=5)
    liar.embedding_size = 6
    labels, batch = torch.zeros(2, dtype=torch.int64), batch_of(faces(2, 4))
    with pytest.raises(UsageError, match=r"the teacher returned \(2, 5\) for 2 faces, not \(2, 6\)"):
        TemplateDistillation(liar, 6)(torch.randn(2, 6), labels, batch)
    with pytest.raises(UsageError, match="built for embeddings of size 5 and got 6"):
        TemplateDistillation(Teacher(), 5)(torch.randn(2, 6), labels, batch)


def test_a_zero_embedding_gives_finite_gradients() -> None:
    rows = torch.zeros(2, 5, requires_grad=True)
    TemplateDistillation(Teacher(), 5)(rows, torch.zeros(2, dtype=torch.int64), batch_of(faces(2, 4))).backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()


CUT = 7


def gradient(part: slice) -> Tensor:
    loss = TemplateDistillation(Teacher(), 5).double()
    rows = torch.randn(12, 5, generator=torch.Generator().manual_seed(5), dtype=torch.float64)[part].requires_grad_()
    call_loss(loss, rows, torch.zeros(len(rows), dtype=torch.int64), batch_of(faces(12, 4)[part])).backward()
    assert rows.grad is not None
    return rows.grad


def worker(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.save(gradient(slice(0, CUT) if rank == 0 else slice(CUT, None)), f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_with_uneven_parts_equal_one(tmp_path: Path) -> None:
    multiprocessing.spawn(worker, (str(tmp_path),), nprocs=2)
    # averaging over processes halves what each embedding's own process computed
    shared = torch.cat([torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]) / 2
    torch.testing.assert_close(shared, gradient(slice(None)), rtol=0, atol=1e-12)


@pytest.mark.skipif(not (FACES / "mobilefacenet.onnx").is_file(), reason="the weights are not here")
def test_an_exported_file_teaches_what_its_weights_do(tmp_path: Path) -> None:
    """The published file takes one face at a time and does not declare its input; a copy declares it."""
    import onnx
    from maskrec_insightface.mobilefacenet import MobileFaceNet

    from maskrec.images.canvas import to_canvas
    from maskrec.images.decoding import read_image
    from maskrec.inference.exported.onnx_backbone import OnnxBackbone

    model = onnx.load(str(FACES / "mobilefacenet.onnx"))
    spec = {"size": 112, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "alignment": "arcface"}
    onnx.helper.set_model_props(model, {"maskrec.input_spec": json.dumps(spec)})
    onnx.save(model, str(tmp_path / "told.onnx"))
    student = MobileFaceNet(FACES / "mobilefacenet.safetensors").eval()
    loss = TemplateDistillation(OnnxBackbone(tmp_path / "told.onnx"), 128, Context(input_spec=student.input_spec))
    folders = sorted((FACES / "lfw").iterdir())[:8]
    photos = [next(iter(sorted(folder.glob("*.jpg")))) for folder in folders]
    clean = torch.stack([to_canvas(read_image(photo), None, 112, "arcface")[0] for photo in photos])
    with torch.no_grad():
        rows = student(normalise(clean.float() / 255, student.input_spec))
    labels = torch.arange(8)
    assert float(loss(rows, labels, batch_of(clean))) == pytest.approx(0, abs=1e-5)
    assert float(loss(rows.roll(1, 0), labels, batch_of(clean))) > 0.2
