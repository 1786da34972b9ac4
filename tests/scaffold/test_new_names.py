"""Names that cannot be used: one sentence each, and nothing is written."""

from __future__ import annotations

import pytest

KEYWORD = "is a keyword of Python"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a kind and a name, as in maskrec new loss my_loss"),
        (["loss"], "give a kind and a name"),
        (["los", "mine"], "maskrec new does not know the kind 'los'; did you mean loss?"),
        (["mine", "loss"], "the kind comes first: maskrec new loss mine"),
        (["distance", "mine"], "maskrec new does not know the kind 'distance'; it knows backbone, loss, sampler"),
        (["distance", "mine"], "declares Component(..., part=\"distance\"): maskrec new --from FILE.py"),
        (["part", "mine"], "say which part: maskrec new miner NAME, or margin, criterion, head, memory in place of"),
        (["mine", "miner"], "the kind comes first: maskrec new miner mine"),
        (["loss", "MyLoss"], "'MyLoss' cannot be a component's name; write it in lower case letters, digits and _: my"),
        (["loss", "my-loss"], "digits and _: my_loss"),
        (["loss", "../escape"], "digits and _: escape"),
        (["loss", "2fast"], "digits and _, a letter first"),
        (["loss", "名"], "digits and _, a letter first"),
        (["loss", ""], "digits and _, a letter first"),
        (["loss", "lambda"], f"'lambda' {KEYWORD}"),
        (["pairs", "class"], f"'class' {KEYWORD}"),
        (["loss", "true"], f"'True' {KEYWORD}"),
        (["loss", "arcface"], "a loss called 'arcface' is declared by maskrec"),
        (["miner", "batch_hard"], "a miner called 'batch_hard' is declared by maskrec"),
        (["miners", "batch_hard"], "a miner called 'batch_hard' is declared by maskrec"),
        (["memory", "cross_batch_memory"], "a memory called 'cross_batch_memory' is declared by maskrec"),
        (["loss", "tensor"], "'tensor' would be called Tensor in its module, which uses this name"),
        (["transform", "batch"], "'batch' would be called Batch in its module, which uses this name"),
        (["pairs", "check"], "'check' would be called check in its module, which uses this name"),
        (["pairs", "np"], "'np' would be called np in its module, which uses this name"),
        (["loss", "mine", "--distribution", "-x"], "'-x' cannot be a distribution's name"),
        (["loss", "mine", "--distribution", "a/b"], "'a/b' cannot be a distribution's name"),
        (["loss", "mine", "--distribution", "x-"], "'x-' cannot be a distribution's name"),
        (["loss", "mine", "--distribution", "3d-losses"], "needs a package called 3d_losses, which Python cannot"),
        (["loss", "mine", "--distribution", "Import"], "needs a package called import, which Python cannot import"),
        (["loss", "mine", "--distribution", "PyTest"], "is installed already"),
        (["loss", "mine", "--distribution", "json"], "a module called json exists already"),
        (["loss", "mine", "--distribution", "MaskRec"], "is installed already"),
        (["loss", "mine", "--from", "f.py"], "--from takes kind and name from the file; leave loss mine out"),
        (["--from", "f.py"], "f.py is not an existing Python file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_name_that_cannot_be_used_is_one_sentence_and_writes_nothing(maskrec_here, tmp_path, words, said):
    done = maskrec_here("new", *words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_taken_is_left_alone(maskrec_here, tmp_path):
    (tmp_path / "maskrec-mine").mkdir()
    (tmp_path / "maskrec-other").write_text("a file", encoding="utf-8")
    (tmp_path / "maskrec-link").symlink_to("nowhere")
    for name in ("mine", "other", "link"):
        done = maskrec_here("new", "loss", name)
        assert done.returncode == 2
        assert (
            done.stderr
            == f"maskrec: maskrec-{name} exists already; choose another name, or another place with --into\n"
        )
    assert list((tmp_path / "maskrec-mine").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maskrec-link", "maskrec-mine", "maskrec-other"]


def test_a_place_that_is_no_folder(maskrec_here, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = maskrec_here("new", "loss", "mine", "--into", "file")
    assert done.returncode == 2
    assert "is not a folder" in done.stderr


def test_a_name_that_another_plugin_declares(maskrec_here, tmp_path, make_distribution, monkeypatch):
    source = "from maskrec import Component, hookimpl\n\n@hookimpl\ndef maskrec_losses():\n"
    source += "    return [Component('mine', 'somewhere:Mine', 'a loss')]\n"
    make_distribution(tmp_path / "site", "maskrec-theirs", {"mine": "new_names_theirs"}, {"new_names_theirs": source})
    monkeypatch.syspath_prepend(tmp_path / "site")
    done = maskrec_here("new", "loss", "mine")
    assert (done.returncode, "a loss called 'mine' is declared by maskrec-theirs 1.0" in done.stderr) == (2, True)
    done = maskrec_here("new", "sampler", "mine", "--distribution", "Maskrec.Theirs")
    assert (done.returncode, "maskrec-theirs 1.0 is installed already" in done.stderr) == (2, True)
    assert maskrec_here("new", "sampler", "mine").returncode == 0
