"""What a data set must do, on the small data that the options name."""

from __future__ import annotations

import pickle
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from maskrec.base.words import one_line, typed_line
from maskrec.contracts.component_calls import batch_reader, masked_samples
from maskrec.runtime.sample_checks import columns_problem, sample_problem
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError, Skipped, contract_check
from maskrec.testing.damaged_data import CopiedData, copied_data, said_of
from maskrec.testing.opened_data import CANVAS, evenly_spread, opened
from maskrec.testing.spawned_reader import ReadingFailed, plain_sample, read_in_new_process

_MOST = 48  # samples that are read


@contract_check("dataset", since="0.1")
def labels_agree_with_samples(candidate: Candidate) -> None:
    """Each sample is a ``Sample`` on the canvas, and what ``labels`` and the other columns say of it is true."""
    dataset = opened(candidate)
    if not 0 < len(dataset) == len(dataset.labels):
        raise ContractError(f"{candidate.name} has {len(dataset.labels)} labels for {len(dataset)} samples")
    if dataset.identities is not None and len(dataset.identities) != dataset.num_classes:
        count = len(dataset.identities)
        raise ContractError(f"{candidate.name} has {count} identities for {dataset.num_classes} classes")
    worn = masked_samples(dataset)
    for index in evenly_spread(len(dataset), _MOST):
        sample, label = dataset[index], int(dataset.labels[index])
        if problem := sample_problem(sample, (3, CANVAS, CANVAS)):
            raise ContractError(f"{candidate.name}: sample {index} {problem}")
        if sample.label != label or not 0 <= label < dataset.num_classes:
            raise ContractError(
                f"{candidate.name}: sample {index} has the label {sample.label}, and `labels` say {label} of 0 to "
                f"{dataset.num_classes - 1}"
            )
        if worn is not None and bool(worn[index]) != sample.masked:
            raise ContractError(
                f"{candidate.name}: sample {index} has masked={sample.masked}, and `masked` says the other"
            )
        if dataset.has_landmarks and sample.landmarks is None:
            raise ContractError(f"{candidate.name}: sample {index} has no landmarks, and has_landmarks is True")
    _compare_batch_reading(candidate, dataset)


@contract_check("dataset", since="0.1")
def picklable(candidate: Candidate) -> None:
    """It can be pickled, as loader processes need it, and reads the same samples afterwards."""
    dataset = opened(candidate)
    try:
        again = pickle.loads(pickle.dumps(dataset))
    except Exception as error:
        raise ContractError(
            f"{candidate.name} cannot be pickled: {typed_line(error)}; keep no open files, locks or lambdas, and open "
            "files in __getitem__"
        ) from error
    if _read(again, _ends(dataset)) != _read(dataset, _ends(dataset)):
        raise ContractError(f"{candidate.name} reads other samples once it has been pickled")


@contract_check("dataset", since="0.1")
def works_under_spawn(candidate: Candidate) -> None:
    """A process that is started from scratch, as on macOS and Windows, reads the same samples."""
    dataset = opened(candidate)
    try:
        pickled = pickle.dumps(dataset)
        pickle.loads(pickled)
    except Exception as error:
        raise Skipped("it cannot be pickled; see the check `picklable`") from error
    try:
        there = read_in_new_process(pickled, _ends(dataset))
    except ReadingFailed as error:
        raise ContractError(
            f"{candidate.name} cannot be read by a process started from scratch: {error}; keep what it "
            "needs in the object, because modules' variables are not passed on"
        ) from error
    if there != _read(dataset, _ends(dataset)):
        raise ContractError(f"{candidate.name} gives a process started from scratch other samples")


@contract_check("dataset", since="0.1")
def errors_name_the_file(candidate: Candidate) -> None:
    """A file that is missing or damaged is a ``UsageError`` that names it."""
    with copied_data(candidate) as data:
        for name, path in data.paths.items():
            missing = path.with_name(f"missing-{path.name}")
            changed = partial(_read_all, data.candidate.with_options(**{name: missing}))
            said = said_of(candidate, changed, f"a `{name}` that does not exist")
            _require_named(candidate, missing, said, f"a `{name}` that does not exist")
        victim = _damaged_file(data)
        if victim is None:
            return
        said = said_of(candidate, partial(_read_all, data.candidate), f"a damaged file ({victim.name})")
        _require_named(candidate, victim, said, "a damaged file")


@contract_check("dataset", since="0.1")
def errors_name_the_row(candidate: Candidate) -> None:
    """A row of a table that cannot be read is an error that names the file and the row's line."""
    with copied_data(candidate) as data:
        if not data.tables():
            raise Skipped("its options name no table (.csv, .tsv, .txt)")
        for table in data.tables():
            whole = table.read_bytes()
            lines = whole.rstrip().split(b"\n")
            table.write_bytes(b"\n".join([*lines[:-1], b"?"]) + b"\n")
            said = said_of(candidate, partial(_read_all, data.candidate), f"a row of {table.name} that is damaged")
            _require_named(candidate, table, said, "a damaged row")
            if not re.search(rf"(:|line |row ){len(lines)}\b", said):
                raise ContractError(
                    f"{candidate.name} does not say that line {len(lines)} of {table.name} is wrong: {_short(said)}"
                )
            table.write_bytes(whole)


def _read(dataset: Any, indices: Sequence[int]) -> list[Any]:
    return [plain_sample(dataset[index]) for index in indices]


def _read_all(candidate: Candidate) -> None:
    dataset = opened(candidate)
    for index in range(len(dataset)):
        dataset[index]


def _ends(dataset: Any) -> list[int]:
    return sorted({0, len(dataset) - 1})


def _compare_batch_reading(candidate: Candidate, dataset: Any) -> None:
    """``read_into`` gives what samples give one by one."""
    read_into = batch_reader(dataset)
    if read_into is None:
        return
    indices = evenly_spread(len(dataset), 8)
    images = np.zeros((len(indices), CANVAS, CANVAS, 3), np.uint8)
    columns = read_into(indices, images)
    if problem := columns_problem(columns, len(indices)):
        raise ContractError(f"{candidate.name} {problem}")
    for row, index in enumerate(indices):
        sample = dataset[index]
        same = int(columns.labels[row]) == sample.label and bool(columns.masked[row]) == sample.masked
        if not same or not np.array_equal(images[row], sample.image.permute(1, 2, 0).numpy()):
            raise ContractError(f"{candidate.name}: read_into gives another sample {index} than [{index}]")


def _damaged_file(data: CopiedData) -> Path | None:
    """A file of the copy, damaged: that of a sample's image, or else the largest one that is not a table."""
    dataset = opened(data.candidate)
    places = {Path(str(dataset[index].path)) for index in _ends(dataset)}
    victim = next((file for file in sorted(places) if file.is_file() and data.folder in file.parents), None)
    if victim is not None:
        victim.write_bytes(b"this is not an image")
        return victim
    victim = max(data.binary_files(), key=lambda file: file.stat().st_size, default=None)
    if victim is None:
        return None
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    return victim


def _require_named(candidate: Candidate, file: Path, said: str, what: str) -> None:
    if file.name not in said:
        raise ContractError(f"{candidate.name} does not name {file.name} in its error for {what}: {_short(said)}")


def _short(said: str) -> str:
    return one_line(ValueError(said))[:200]
