"""The version of this package, where every folder can read it."""

from pathlib import Path

__version__ = "0.1.0"

PACKAGE = Path(__file__).parent.parent
"""The folder of the package."""
