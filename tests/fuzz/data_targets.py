"""Readers of photos, data sets, pairs and runs, for ``mutate.py``."""

from __future__ import annotations

from pathlib import Path

import torch
import valid_files
from fuzz_target import Target

from maskrec.contracts.context import Context
from maskrec.contracts.problem import Problems
from maskrec.datasets.image_csv import ImageCsv
from maskrec.images.csv_table import read_table
from maskrec.images.decoding import read_image
from maskrec.images.insightface.binfile import read_bin
from maskrec.images.insightface.recordio import RecordFile
from maskrec.images.random_access import RandomAccessFile
from maskrec.images.tars.tarfiles import group_samples, members_in
from maskrec.pairs.pairs_csv import pairs_csv
from maskrec.preparation.sources.opening import open_source
from maskrec.runtime.run_directory import read_json
from maskrec.runtime.state_tree import PackedTree, _checksum
from maskrec.runtime.weight_files import read_checkpoint


def _read_rec(path: Path) -> None:
    records = RecordFile(path.with_suffix(".rec"))
    for index in range(len(records)):
        records[index]
        records.label(index)
    if records.identities().tolist() != [records.identity(index) for index in range(len(records))]:
        raise AssertionError("identities() are not what identity() says")


def _read_tar(path: Path) -> None:
    file = RandomAccessFile(path)
    members = members_in(file)
    for member in members:
        file.read(member.offset, member.size)
    group_samples(members)


def _read_source(path: Path) -> None:
    source = open_source(path)
    source.fingerprint()
    for item in source.items:
        source.read(item)


def _read_table(path: Path) -> None:
    problems = Problems()
    table = read_table(path, ("path", "target"), ("masked",), ("note",), problems)
    problems.raise_errors(str(path))
    [table.mark(row) for row in range(len(table))]


def _read_dataset(path: Path) -> None:
    ImageCsv(path, Context(), 16)


def _read_pairs(path: Path) -> None:
    pairs_csv(Context(path="fuzz"), 16, 1, path=path)


def _read_structure(path: Path) -> None:
    """A checkpoint whose structure is this text; its checksum matches, so that the text itself is parsed."""
    text = path.read_bytes().decode("utf-8", "replace")
    tensors = {"/backbone/w": torch.arange(6.0)}
    PackedTree(tensors, text, _checksum(text, tensors)).write(path.with_name("best.safetensors"))
    read_checkpoint(path.with_name("best.safetensors"))


def data_targets(folder: Path) -> list[Target]:
    """Files that are trained or measured on; ``folder`` is for making the valid ones."""
    records, tars = valid_files.records(folder), valid_files.tars(folder)
    photos = {f"{name}.jpg": b"photo" for name in "abc"}
    tables = [text.encode() for text in [*valid_files.TABLES, valid_files.FACES]]
    recs, pairs = [rec for rec, _ in records], [text.encode() for text in valid_files.PAIRS]
    return [
        Target("rec, scanned", 0.1, "a.rec", recs, _read_rec),
        Target("rec with idx", 0.1, "a.rec", recs[:1], _read_rec, {"a.idx": records[0][1]}),
        Target("idx", 0.18, "a.idx", [idx for _, idx in records[:1]], _read_rec, {"a.rec": recs[0]}),
        Target("bin", 0.13, "a.bin", valid_files.bins(), read_bin),
        Target("tar", 0.12, "a.tar", tars, _read_tar),
        Target("tar as source", 0.05, "a.tar", tars, _read_source),
        Target("csv table", 0.06, "a.csv", tables[:2], _read_table),
        Target("csv of a data set", 0.06, "a.csv", tables, _read_dataset, photos),
        Target("csv of pairs", 0.03, "a.csv", pairs, _read_pairs, photos),
        Target("csv as source", 0.03, "a.csv", tables, _read_source, photos),
        Target("photo", 0.06, "a.jpg", valid_files.photos(), read_image),
        Target("json of a run", 0.03, "provenance.json", valid_files.PROVENANCES, read_json, json=True),
        Target("checkpoint", 0.05, "structure.json", valid_files.checkpoint_structures(), _read_structure, json=True),
    ]
