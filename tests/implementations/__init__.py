"""What the suite is tried on: right ones, which conform, and wrong ones, which do not."""
