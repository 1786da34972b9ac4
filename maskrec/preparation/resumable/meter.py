"""What the user sees while a job works through photos."""

from __future__ import annotations

from rich.console import Console

from maskrec.base.progress import Progress


class Meter:
    """Counts photos, faces and rejected photos, and shows them with photos per second and the remaining time.

    Args:
        what: the work, such as ``aligning``.
        console: where to print; None for silence.
        others: what the photos that give nothing are called.
    """

    def __init__(self, what: str = "working", console: Console | None = None, others: str = "rejected") -> None:
        self.what, self.others = what, others
        self.progress = Progress(console, "{done}/{total} photos", "photos")
        self.faces = self.rejected = 0

    def start(self, total: int) -> None:
        """The work begins; ``total`` photos in all."""
        self.progress.begin(self.what, total)

    def skip(self, photos: int, rejected: int = 0) -> None:
        """Photos that were finished before, and how many of them were rejected."""
        self.rejected += rejected
        self.progress.continue_from(self.progress.done + photos)

    def advance(self, photos: int, faces: int, rejected: int) -> None:
        """Photos that are finished now."""
        self.faces, self.rejected = self.faces + faces, self.rejected + rejected
        self.progress.update(self.progress.done + photos, f"{self.rejected:,} {self.others}")

    def stop(self) -> None:
        """The work is over, or failed."""
        self.progress.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self.progress.line(text)
