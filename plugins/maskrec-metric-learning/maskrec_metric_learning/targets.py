"""What maskrec builds a component with: a function with a signature, a check and a docstring of its own.

A function and not a class, because the parameters are stated by a function ``parameters``, and modules of torch have a
method of that name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse
from maskrec_metric_learning.library_signature import documentation
from maskrec_metric_learning.offered import Offered
from maskrec_metric_learning.stated import Stated

Check = Callable[[Mapping[str, Any], CheckContext], Iterable[Problem]]


def target_of(
    offered: Offered,
    make: Callable[[dict[str, Any]], Any],
    *,
    check: Check,
    signature: inspect.Signature,
    stated: Mapping[str, Stated],
    details: str,
    module: str,
) -> Callable[..., Any]:
    """The function that a component's declaration names.

    Args:
        offered: the component.
        make: builds it from the values of its parameters.
        check: what is wrong with these, for ``maskrec check``; the function refuses them too.
        signature: its parameters.
        stated: what is said of them.
        details: for its docstring.
        module: where the function is put.
    """

    def target(**values: Any) -> Any:
        refuse(check(values, CheckContext()))
        return make(values)

    target.check, target.parameters = check, lambda: signature  # type: ignore[attr-defined]
    target.__name__ = target.__qualname__ = offered.library
    target.__module__ = module
    target.__doc__ = documentation(offered.summary, details, stated, signature)
    return target
