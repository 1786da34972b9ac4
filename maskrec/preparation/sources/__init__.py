"""What photos there are to work on."""
