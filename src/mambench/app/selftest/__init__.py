"""Whether this program works here, without a network: every part that a measurement needs, tried on something tiny."""
