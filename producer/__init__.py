"""Submits directories of captchas to the fleet and reports how well they were read."""
