"""``train.compile``: the same training with and without, and a network that cannot be compiled runs as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from probe_runs import PROBED, column, probe, probe_plan, state
from run_comparison import differences
from torch import nn

from maskrec.contracts.problem import RecipeError
from maskrec.training.steps.compiled_network import CompiledNetwork, compiled


def settings(**changes: Any) -> dict[str, Any]:
    """The recipe's ``train`` section with changes."""
    return {"train": {**PROBED["train"], **changes}}


@pytest.mark.parametrize("mode", [False, "off"])
def test_a_network_that_is_not_to_be_compiled_is_itself(mode: Any) -> None:
    network = nn.Linear(2, 2)
    assert compiled(network, mode, "backbone: mine") is network


@pytest.mark.parametrize("mode", ["off", "default", "reduce-overhead", True, False])
def test_the_modes_that_a_recipe_may_name(mode: Any, tmp_path: Path) -> None:
    assert probe_plan(tmp_path, settings(compile=mode)).train.compile == mode


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_embeddings_are_copied_where_graphs_overwrite_them(mode: str) -> None:
    assert CompiledNetwork(nn.Linear(2, 2), mode, "backbone: mine").graphs == (mode == "reduce-overhead")


def test_another_mode_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="compile"):
        probe_plan(tmp_path, settings(compile="max"))


@pytest.mark.slow
def test_the_compiled_form_is_no_second_owner_of_the_weights() -> None:
    network = nn.Linear(2, 3)
    form = compiled(network, True, "backbone: mine")
    assert [name for name, _ in form.named_parameters()] == ["network.weight", "network.bias"]
    assert len(list(form.modules())) == 2
    form.eval()
    assert not network.training


@pytest.mark.slow
def test_a_compiled_run_is_the_same_run(tmp_path: Path) -> None:
    plain = probe(tmp_path, settings(ema=0.5), name="plain")
    fast = probe(tmp_path, settings(ema=0.5, compile="default"), name="fast")
    assert column(fast, "loss") == pytest.approx(column(plain, "loss"), rel=1e-5)
    for part in ("backbone", "ema"):
        assert state(fast)[part].keys() == state(plain)[part].keys()
        for name, weight in state(plain)[part].items():
            assert torch.allclose(state(fast)[part][name], weight, atol=1e-6), name


@pytest.mark.slow
def test_a_network_that_cannot_be_compiled_runs_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from torch._inductor import config

    monkeypatch.setattr(config, "force_disable_caches", True)
    monkeypatch.setattr(config.cpp, "cxx", (str(tmp_path / "missing"),))
    monkeypatch.setenv("CXX", str(tmp_path / "missing"))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    form = compiled(network, "default", "backbone: mine")
    assert isinstance(form, CompiledNetwork)
    rows = torch.rand(4, 3)
    assert torch.equal(form(rows), network(rows))
    assert torch.equal(form(rows), network(rows))
    said = capsys.readouterr().out
    assert said.count("note: backbone: mine cannot be compiled here and runs as it is written") == 1
    assert differences(dict(form.network.state_dict()), dict(network.state_dict())) == []  # type: ignore[operator,union-attr]
