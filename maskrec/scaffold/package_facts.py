"""What differs between two plugin packages, each as the text that stands for it in the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from maskrec.base.version import __version__
from maskrec.plugin.component import Component
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.scaffold.kind_templates import overrides_for

HOOK_OF_KIND = {kind: hook for hook, kind in KIND_OF_HOOK.items()}
CORE = f"maskrec>={'.'.join(__version__.split('.')[:2])}"
"""What a plugin asks for: the contract that it was written for, or a later one."""


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """One package.

    Args:
        distribution: as pip names it.
        module: that holds the components, within the package.
        components: each with its kind, in the order of declaration; targets within the file (``:Name``).
        imports: the distributions that the module imports, without maskrec.
    """

    distribution: str
    module: str
    components: tuple[tuple[str, Component], ...]
    imports: tuple[str, ...]

    @property
    def package(self) -> str:
        """As Python imports it."""
        return self.distribution.replace("-", "_")

    def texts(self) -> tuple[str, ...]:
        """Every text that depends on the package, always in the same order."""
        first = self.components[0][1]
        change = self._change(first.name)
        return (
            self.distribution,
            self.package,
            self.module,
            f"description = {json.dumps(_one_line(first.summary), ensure_ascii=False)}",
            f"dependencies = {_strings((CORE, *self.imports))}",
            "\n".join(f"| {part or kind} `{name}` | {what} |" for kind, part, name, what in self._rows()),
            f"maskrec show {first.name}",
            self.trial(),
            "\n".join(f"    {line}" for override in change for line in _as_yaml(override)),
            self.hooks(),
            f'options={{"{first.name}": {{}}}}',
        )

    def trial(self) -> str:
        """The command that tries the first component; by its full name, as the recipe does not require the package."""
        change = self._change(f"{self.distribution}/{self.components[0][1].name}")
        return " ".join(["maskrec run maskrec:quickstart --demo", *map(_quoted, change)])

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        for kind, component in self.components:
            yield kind, component.part, component.name, _one_line(component.summary).replace("|", "\\|")

    def _change(self, name: str) -> tuple[str, ...]:
        """What a recipe changes to use the first component, by this name."""
        kind, component = self.components[0]
        found = overrides_for(component.part or kind, name)
        return found or (f"loss={{use: NAME, PARAMETER: {{use: {name}}}}}",)

    def hooks(self) -> str:
        """The hooks that declare the components by their places in the package."""
        kinds = dict.fromkeys(kind for kind, _ in self.components)
        return "\n\n\n".join(self._hook(kind) for kind in kinds)

    def _hook(self, kind: str) -> str:
        hook = HOOK_OF_KIND[kind]
        lines = [
            "@hookimpl",
            f"def {hook}() -> list[Component]:",
            f'    """The {hook.removeprefix("maskrec_")} of this plugin."""',
            "    return [",
        ]
        for declared, component in self.components:
            if declared == kind:
                lines += ["        Component(", *self._arguments(component), "        ),"]
        return "\n".join([*lines, "    ]"])

    def _arguments(self, component: Component) -> list[str]:
        target = component.target
        if target.startswith(":"):
            target = f"{self.package}.{self.module}{target}"
        arguments = [_string(text) for text in (component.name, target, component.summary)]
        if component.needs:
            arguments.append(f"needs={_tuple(component.needs)}")
        if component.part:
            arguments.append(f"part={_string(component.part)}")
        if component.aliases:
            arguments.append(f"aliases={_tuple(component.aliases)}")
        return [f"            {argument}," for argument in arguments]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _string(text: str) -> str:
    """As ruff and black write it."""
    quoted = repr(text)
    return f'"{text}"' if quoted == f"'{text}'" and '"' not in text else quoted


def _tuple(texts: Sequence[str]) -> str:
    return f"({', '.join(map(_string, texts))}{',' if len(texts) == 1 else ''})"


def _strings(texts: Sequence[str]) -> str:
    return f"[{', '.join(_string(text) for text in texts)}]"


def _quoted(override: str) -> str:
    """As a shell needs it."""
    return override if not set(override) & set(" {}") else f"'{override}'"


def _as_yaml(override: str) -> list[str]:
    """``loss.use=x`` as the lines ``loss: {use: x}``, and so on."""
    path, _, value = override.partition("=")
    keys = path.split(".")
    if keys[-1] == "use":
        keys, value = keys[:-1], f"{{use: {value}}}"
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(keys)]
    return [*lines[:-1], f"{lines[-1]} {value}"]
