"""What is asked of every component's declaration: its line in `maskrec list`, its target and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from maskrec.base.errors import PluginError
from maskrec.base.version import __version__
from maskrec.base.words import one_line
from maskrec.contracts.givens import GIVEN_TYPES
from maskrec.contracts.problem import RecipeError
from maskrec.plugin.host import discover
from maskrec.plugin.import_cost import Weight, weigh_plugin
from maskrec.plugin.installed import installed_plugins
from maskrec.plugin.signature import DeclarationError, ParameterInfo, parameter_help
from maskrec.recipe.annotations import is_union, members, unannotated
from maskrec.recipe.meant_givens import given_meant_by
from maskrec.recipe.values import settable
from maskrec.testing.build_hints import other_options
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import DECLARATION, ContractError, Skipped, contract_check

LONGEST_SUMMARY = 90
_OF_SMALL_DATA = (AssertionError, IndexError, RuntimeError)
"""What a constructor may raise where the checks' data is smaller than its default expects."""
_SEQUENCES = (Sequence, Collection, Iterable)  # a data set's labels may be any of these, and need not be a list


def _parameters(candidate: Candidate) -> tuple[ParameterInfo, ...]:
    try:
        return candidate.parameters()
    except (PluginError, DeclarationError) as error:
        raise Skipped("its parameters cannot be read; see the check `builds`") from error


def _refuse_any(candidate: Candidate, wrong: Callable[[ParameterInfo], bool], says: str) -> None:
    """Raise for the parameters that are wrong; ``{}`` in the sentence stands for their names."""
    found = [f"`{info.name}`" for info in _parameters(candidate) if wrong(info)]
    if found:
        raise ContractError(f"{candidate.name}: {says.format(', '.join(found))}")


@contract_check(DECLARATION, since="0.1")
def summary_one_line(candidate: Candidate) -> None:
    """Its summary is one line, which `maskrec list` shows."""
    summary = candidate.entry.component.summary
    if not summary.strip() or "\n" in summary or len(summary) > LONGEST_SUMMARY:
        raise ContractError(
            f"the summary of {candidate.name} has {len(summary)} characters in {len(summary.splitlines())} lines; "
            f"write one line of 1 to {LONGEST_SUMMARY} characters"
        )


@contract_check(DECLARATION, since="0.1")
def imports_nothing_heavy(candidate: Candidate) -> None:
    """Its plugin is listed without importing a heavy library."""
    provider = candidate.entry.provider
    if provider.file is not None:
        raise Skipped("a file given with --plugin is imported as a whole")
    for weight in _weights(provider.name):
        if weight.error:
            raise ContractError(f"the plugin of {candidate.name} cannot be imported in a new process: {weight.error}")
        if weight.heavy:
            raise ContractError(
                f"the plugin of {candidate.name} imports {', '.join(weight.heavy)} when it is listed; import them in "
                "the module of the target, or inside of functions"
            )


@cache
def _weights(provider: str) -> list[Weight]:
    """Of the plugin with this name; none where it is not installed, as maskrec itself in a checkout."""
    return [weigh_plugin(each, point) for each, point in installed_plugins([]) if each.name == provider]


@contract_check(DECLARATION, since="0.1")
def name_of_its_own(candidate: Candidate) -> None:
    """No component of maskrec has its name, so that recipes can name it without its distribution."""
    if candidate.entry.provider.distribution == "maskrec":
        return
    for entry in _builtin():
        if (entry.kind, entry.component.part, entry.name) == (candidate.kind, candidate.part, candidate.name):
            raise ContractError(
                f"{candidate.name} is the name of a {entry.noun} of maskrec {__version__}; choose another, or every "
                "recipe must write the distribution too"
            )


@cache
def _builtin() -> Sequence[Any]:
    return discover(only=[]).entries


@contract_check(DECLARATION, since="0.1")
def parameters_annotated(candidate: Candidate) -> None:
    """Every parameter has a type, so that a recipe's value can be checked."""
    says = "no type is given for {}; annotate every parameter, with something else than Any or object"
    _refuse_any(candidate, lambda info: unannotated(info.annotation), says)


@contract_check(DECLARATION, since="0.1")
def parameters_settable(candidate: Candidate) -> None:
    """A recipe can write a value of every parameter's type."""

    def wrong(info: ParameterInfo) -> bool:
        return not info.given and not unannotated(info.annotation) and not settable(info.annotation)

    says = "no recipe can write a value of the type of {}; use numbers, strings, lists, dicts, Path or a component"
    _refuse_any(candidate, wrong, says)


@contract_check(DECLARATION, since="0.1")
def parameters_documented(candidate: Candidate) -> None:
    """Every parameter is explained in the docstring's `Args:`."""
    known = parameter_help(candidate.target()) if _parameters(candidate) else {}
    says = "the docstring does not explain {}; add what is missing to its `Args:`"
    _refuse_any(candidate, lambda info: not known.get(info.name), says)


@contract_check(DECLARATION, since="0.1")
def givens_spelled(candidate: Candidate) -> None:
    """No parameter is called nearly as what the run gives, or as what it gives to other kinds only."""
    if said := _misspelt_givens(candidate):
        raise ContractError(f"{candidate.name}: {'; '.join(said.values())}", _cause_of_givens(candidate))


def _cause_of_givens(candidate: Candidate) -> str:
    return f"givens of {candidate.entry.qualified}"


def _misspelt_givens(candidate: Candidate) -> dict[str, str]:
    """What to say of each parameter that seems to mean a given, by its name."""
    meant = {info.name: given_meant_by(info, candidate.around) for info in _parameters(candidate)}
    return {name: f"of the parameter `{name}`: {said}" for name, said in meant.items() if said}


@contract_check(DECLARATION, since="0.1")
def givens_typed(candidate: Candidate) -> None:
    """What the run gives has the type that its parameter says."""

    def wrong(info: ParameterInfo) -> bool:
        return info.given and not unannotated(info.annotation) and not _takes(info, candidate.kind)

    found = next((info for info in _parameters(candidate) if wrong(info)), None)
    if found is not None:
        optional = " | None" if _may_be_none(found.name, candidate.kind) else ""
        given: Any = GIVEN_TYPES[found.name]
        shown = str(given).rpartition(".")[2] if get_args(given) else given.__name__
        raise ContractError(f"{candidate.name}: the run gives `{found.name}` as {shown}{optional}; annotate it so")


def _takes(info: ParameterInfo, kind: str) -> bool:
    """Whether a parameter's type takes what the run gives."""
    bare = get_args(info.annotation)[0] if get_origin(info.annotation) is Annotated else info.annotation
    types = members(bare) if is_union(bare) else (bare,)
    given = GIVEN_TYPES[info.name]
    item = get_args(given)
    fits = any(get_origin(each) in _SEQUENCES and get_args(each) == item for each in types) if item else given in types
    return fits and (type(None) in types or not _may_be_none(info.name, kind))


def _may_be_none(name: str, kind: str) -> bool:
    """A backbone's ``image_size`` is None unless the recipe sets it."""
    return kind == "backbone" and name == "image_size"


@contract_check(DECLARATION, since="0.1")
def builds(candidate: Candidate) -> None:
    """It is built from its options, as a recipe builds it."""
    try:
        candidate.build()
    except RecipeError as error:
        missing = [info.name for info in candidate.parameters() if info.required and info.name not in candidate.options]
        misspelt = [name for name in _misspelt_givens(candidate) if name in missing]
        how = "" if misspelt or error.broken_plugin else other_options(candidate, error.sentence(), missing)
        said = f"{candidate.name} cannot be built from its options: {error.sentence()}{how}"
        raise ContractError(said, _cause_of_givens(candidate) if misspelt == missing != [] else "") from error
    except DeclarationError as error:
        raise ContractError(f"{candidate.name} cannot be built: {error}") from error
    except PluginError as error:
        if not isinstance(error.__cause__, _OF_SMALL_DATA):
            raise
        said = one_line(error).removeprefix(f"{candidate.name}: ")
        raise ContractError(f"{said}{other_options(candidate, said)}") from error
