"""``python -m maskrec``: the same program as the ``maskrec`` command."""

from maskrec.cli import main

if __name__ == "__main__":
    main()
