"""``list``, ``plugins`` and ``show`` as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

LOSS = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("{name}", "{module}_code:Loss", "{summary}")]
"""

CODE = """
class Loss:
    \"\"\"A loss of this test: [/bold] \\x1b[31mred.

    Args:
        margin: in radians.
    \"\"\"

    def __init__(self, num_classes: int, margin: float = 0.5) -> None: ...
"""

AT_3 = " (site/listing_plugin_3.py:1)"

PRINTS = (
    "plugin maskrec-listing-4:point_4 1.0: import: it prints, and standard output is for maskrec's answers; "
    "what it printed is on standard error"
)

HEAVY = ("torch", "numpy", "pandas", "yaml", "rich", "multiprocessing", "maskrec.cli.running", "maskrec.cli.data")


@pytest.fixture
def twenty(tmp_path, make_distribution):
    """Twenty plugins: one raises at import, two have one entry-point name, one prints, one exits."""
    folder = tmp_path / "site"
    for i in range(20):
        module = f"listing_plugin_{i}"
        source = LOSS.format(name=f"loss_{i}", module=module, summary=f"[red]loss[/red] {i}")
        source = {3: "raise RuntimeError('boom')", 4: "print('noise')\n" + source, 5: "raise SystemExit"}.get(i, source)
        point = "same" if i in (1, 2) else f"point_{i}"
        make_distribution(folder, f"maskrec-listing-{i}", {point: module}, {module: source, f"{module}_code": CODE})
    return folder


def test_twenty_plugins_one_broken_every_other_row_is_shown(maskrec_cli, twenty):
    done = maskrec_cli("list", path=[twenty])
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    names = {row[1] for row in rows[1:]}
    assert {f"loss_{i}" for i in range(20) if i not in (3, 5)} <= names
    assert {"arcface", "shuffled", "batch_hard"} <= names
    assert "loss_3" not in names
    assert "[red]loss[/red] 7" in done.stdout
    assert done.stderr.splitlines() == [
        "noise",
        f"plugin maskrec-listing-3:point_3 1.0: import: RuntimeError: boom{AT_3}",
        PRINTS,
        "plugin maskrec-listing-5:point_5 1.0: import: SystemExit (site/listing_plugin_5.py:1)",
    ]


def test_list_imports_nothing_heavy(tmp_path, twenty):
    code = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(twenty)!r})
        from maskrec.cli.app import run_app
        try:
            run_app(["list"])
        except SystemExit as end:
            assert end.code == 0, end.code
        print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
    """)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_json_is_json_whatever_plugins_print_and_its_keys_are_those_documented(maskrec_cli, twenty):
    done = maskrec_cli("list", "losses", "--json", path=[twenty])
    answer = json.loads(done.stdout)
    assert list(answer) == ["components", "failures"]
    assert {tuple(row) for row in answer["components"]} == {
        (
            *("kind", "part", "name", "qualified", "summary", "aliases", "target", "needs"),
            *("plugin", "distribution", "version", "file"),
        )
    }
    assert {row["kind"] for row in answer["components"]} == {"loss"}
    seven = next(row for row in answer["components"] if row["name"] == "loss_7")
    assert seven["qualified"] == "maskrec-listing-7/loss_7"
    assert (seven["plugin"], seven["version"]) == ("maskrec-listing-7:point_7", "1.0")
    assert answer["failures"][0] == {
        "plugin": "maskrec-listing-3:point_3",
        "distribution": "maskrec-listing-3",
        "version": "1.0",
        "stage": "import",
        "message": f"RuntimeError: boom{AT_3}",
        "fatal": True,
    }
    plugins = json.loads(maskrec_cli("plugins", "--json", path=[twenty]).stdout)
    made_here = [
        row for row in plugins["plugins"] if row["distribution"].startswith(("maskrec-listing", "maskrec-twin"))
    ]
    assert len(made_here) == 18
    assert plugins["failures"] == answer["failures"]


def test_rows_can_be_chosen_by_kind_and_by_provider(maskrec_cli, twenty):
    done = maskrec_cli("list", "loss", "--provider", "Maskrec_Listing.7", path=[twenty])
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["NAME", "loss_7"]
    both = maskrec_cli("list", "sampler", "datasets")
    assert {line.split()[0] for line in both.stdout.splitlines()[1:]} == {"sampler", "dataset"}
    for arguments, said in [
        (("list", "looses"), "unknown kind 'looses'; did you mean loss?"),
        (("list", "--provider", "nobody"), "no plugin of 'nobody' is loaded; there is maskrec"),
    ]:
        done = maskrec_cli(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


def test_rows_can_be_chosen_by_sort_of_part(maskrec_here):
    for word, part in [("miner", "miner"), ("miners", "miner"), ("margin", "margin")]:
        done = maskrec_here("list", word)
        assert done.returncode == 0
        assert {line.split()[0] for line in done.stdout.splitlines()[1:]} == {part}
    both = maskrec_here("list", "memory", "sampler")
    assert {line.split()[0] for line in both.stdout.splitlines()[1:]} == {"memory", "sampler"}
    done = maskrec_here("list", "minner")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown kind 'minner'; did you mean miner?" in done.stderr
    assert maskrec_here("show", "arc", "--kind", "margin").stdout.startswith("margin maskrec/arc: ")
    assert "no miner is called 'arc'" in maskrec_here("show", "arc", "--kind", "miner").stderr


def test_a_file_is_named_once_as_its_provider(maskrec_here, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from maskrec import Component, hookimpl\n\n@hookimpl\ndef maskrec_samplers():\n"
        "    return [Component('mine', ':Mine', 'mine')]\n\nclass Mine:\n    pass\n"
    )
    done = maskrec_here("show", "mine", "--plugin", "mine.py")
    assert "provider  file:mine.py" in done.stdout.splitlines()


def test_plugins_can_be_left_out_or_chosen(maskrec_cli, twenty):
    assert (
        maskrec_cli("list", "--no-plugins", path=[twenty]).stdout
        == maskrec_cli("list", env={"MASKREC_PLUGINS": ""}).stdout
    )
    chosen = maskrec_cli("list", path=[twenty], env={"MASKREC_PLUGINS": " maskrec-listing-7 ,Maskrec.Listing_8"})
    assert chosen.stderr == ""
    assert {"loss_7", "loss_8"} == {row.split()[1] for row in chosen.stdout.splitlines() if "[red]" in row}
    absent = maskrec_cli("list", env={"MASKREC_PLUGINS": "maskrec-absent"})
    assert (absent.returncode, len(absent.stderr.splitlines())) == (0, 1)
    assert "maskrec-absent" in absent.stderr


def test_a_narrow_terminal_cuts_and_a_pipe_does_not(maskrec_cli):
    narrow = maskrec_cli("list", env={"COLUMNS": "40"}).stdout.splitlines()
    assert max(map(len, narrow)) == 40
    assert narrow[1].endswith("…")
    whole = maskrec_cli("list").stdout
    assert "…" not in whole
    assert "InceptionResnetV1 of facenet-pytorch" in whole


def test_a_terminal_that_knows_ascii_only_still_gets_its_list(maskrec_cli):
    done = maskrec_cli("list", env={"COLUMNS": "40", "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "\\u2026" in done.stdout


def test_plugins_names_what_is_wrong(maskrec_cli, twenty):
    done = maskrec_cli("plugins", path=[twenty])
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert rows["maskrec-listing-4:point_4"].endswith(PRINTS.partition(": ")[2])
    assert rows["maskrec:builtin"].split()[2].isdigit()
    assert rows["maskrec-listing-3:point_3"].endswith(f"import: RuntimeError: boom{AT_3}")
    assert done.stderr == "noise\n"


def test_show_prints_parameters_givens_units_place_and_provider(maskrec_cli, twenty):
    done = maskrec_cli("show", "loss_7", path=[twenty])
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "loss maskrec-listing-7/loss_7: [red]loss[/red] 7"
    assert "provider  maskrec-listing-7 1.0 (maskrec-listing-7:point_7)" in lines
    assert f"source    {twenty / 'listing_plugin_7_code.py'}:2" in lines
    at = lines.index("Parameters:")
    assert lines[at + 1 : at + 6] == [
        "  margin: float = 0.5",
        "      in radians.",
        "",
        "Given by the runner:",
        "  num_classes: int",
    ]
    assert "A loss of this test: [/bold] [31mred." in lines, "control characters go, brackets stay"


def test_show_offers_choices(maskrec_cli, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        LOSS.format(name="arcface", module="no", summary="")
        + "\n@hookimpl\ndef maskrec_samplers(): return [Component('triplet', ':X', '')]"
    )
    done = maskrec_cli("show", "arcface", "--plugin", file)
    assert done.returncode == 2
    assert "maskrec show maskrec/arcface or file:mine.py/arcface" in done.stderr
    done = maskrec_cli("show", "triplet", "--plugin", file)
    assert "maskrec/triplet --kind loss or file:mine.py/triplet --kind sampler" in done.stderr
    done = maskrec_cli("show", "triplet", "--kind", "sampler", "--plugin", file)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == ("maskrec: sampler file:mine.py/triplet cannot be loaded: its target ':X' does not exist\n")


def test_show_knows_near_names_and_failed_plugins(maskrec_cli, twenty):
    done = maskrec_cli("show", "arcfase", path=[twenty])
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert "did you mean arcface?" in last
    assert "maskrec-listing-3:point_3" in last


@pytest.mark.parametrize(
    ("name", "recipe"), [("maskrec:quickstart",) * 2, ("my.yaml",) * 2, ("quickstart", "maskrec:")]
)
def test_show_says_that_a_recipe_is_one(maskrec_cli, name, recipe):
    done = maskrec_cli("show", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"maskrec: {recipe}")
    assert f"is a recipe, and maskrec show describes components: maskrec check {recipe}" in done.stderr
    assert "maskrec recipes lists" in done.stderr


def test_show_guesses_only_what_is_like_the_name(maskrec_cli):
    done = maskrec_cli("show", "stripes")
    assert done.stderr == "maskrec: no component is called 'stripes'; is a --plugin FILE missing?\n"
    assert "did you mean triplet? or is a --plugin FILE missing?" in maskrec_cli("show", "tripplet").stderr


def test_plugins_cuts_no_problem_in_a_narrow_terminal(maskrec_cli, twenty):
    done = maskrec_cli("plugins", path=[twenty], env={"COLUMNS": "40"})
    assert f"import: RuntimeError: boom{AT_3}" in done.stdout


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("raise RuntimeError('boom')", 3, "import: RuntimeError: boom"),
        ("x = (", 3, "import: SyntaxError"),
        ("x = 1", 3, "it has no hook"),
        (None, 2, "not an existing Python file"),
    ],
)
def test_a_plugin_file_that_fails_is_one_sentence(maskrec_cli, tmp_path, source, code, said):
    file = tmp_path / "fails.py"
    if source is not None:
        file.write_text(source)
    done = maskrec_cli("list", "--plugin", file)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert str(file) in done.stderr


def test_the_example_plugin_is_listed_by_its_own_entry_point(maskrec_cli, make_distribution, tmp_path, request):
    import tomllib

    source = request.config.rootpath / "plugins" / "maskrec-example-loss"
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    site = tmp_path / "site"
    make_distribution(site, project["name"], project["entry-points"]["maskrec"], {}, project["version"])
    done = maskrec_cli("list", "--provider", project["name"], path=[site, source])
    assert done.stderr == ""
    assert [line.split()[:4] for line in done.stdout.splitlines()[1:]] == [
        ["loss", "example_mv_softmax", "maskrec-example-loss", project["version"]],
        ["margin", "example_misclassified", "maskrec-example-loss", project["version"]],
    ]
    shown = maskrec_cli("show", "example_mv_softmax", path=[site, source])
    assert (
        "  weight: float = 1.2\n      how much a class counts that a face is mistaken for, at least 1." in shown.stdout
    )
