"""Notify observers of events; one that raises is detached and reported, at once and at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from maskrec.base.interrupts import INTERRUPTS
from maskrec.base.words import typed_line
from maskrec.contracts.call_into import call_into, place_of
from maskrec.contracts.collectives import rank
from maskrec.contracts.component_calls import keeps_state, method_of, restore_state, state_of
from maskrec.contracts.events import Stop
from maskrec.contracts.kinds import Observer


class Observers:
    """The recipe's observers, on rank 0; other ranks notify nobody.

    Args:
        observers: by label.
        report: prints one line for the user.
    """

    def __init__(self, observers: Mapping[str, Observer], report: Callable[[str], None]) -> None:
        self.attached = dict(observers) if rank() == 0 else {}
        self.report = report
        self.detached: dict[str, str] = {}

    def notify(self, method: str, event: object) -> Stop | None:
        """Pass an event to every observer that has that method; the first ``Stop`` is returned."""
        stop: Stop | None = None
        for label, observer in list(self.attached.items()):
            answer = self._ask(label, method_of(observer, method), event)
            stop = stop or answer
        return stop

    def _ask(self, label: str, method: Callable[[object], Stop | None] | None, event: object) -> Stop | None:
        if method is None:
            return None
        try:
            answer = method(event)
        except INTERRUPTS:
            raise
        except BaseException as error:  # also SystemExit: an observer must not end the program
            self._detach(label, error)
            return None
        return answer if isinstance(answer, Stop) else None

    def _detach(self, label: str, error: BaseException) -> None:
        place = place_of(error)
        self.detached[label] = typed_line(error) + (f" ({place})" if place else "")
        del self.attached[label]
        self.report(f"observe.{label} raised {self.detached[label]}; it receives no more events in this run")

    def report_detached(self) -> None:
        """Report once more, at the end, which observers were detached and why."""
        for label, reason in self.detached.items():
            self.report(f"observe.{label} was detached during the run ({reason})")

    def state_dict(self) -> dict[str, Any]:
        """The state of every observer that has one."""
        states = {}
        for label, observer in list(self.attached.items()):
            try:
                if keeps_state(observer):
                    states[label] = state_of(observer)
            except INTERRUPTS:
                raise
            except BaseException as error:  # a checkpoint must not be lost for an observer's state
                self._detach(label, error)
        return states

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore each observer's state.

        Raises:
            PluginError: an observer refuses it.
        """
        for label, own in state.items():
            if label in self.attached:
                with call_into(f"observe.{label}", "failed in load_state_dict", self.attached[label]):
                    restore_state(self.attached[label], own)
