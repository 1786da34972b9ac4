"""The contract checks of maskrec for every component of this plugin; ``-k NAME`` selects some of them."""

from maskrec.testing import parametrize_with_checks


@parametrize_with_checks("maskrec-example-loss")
def test_contract(check):
    check()
