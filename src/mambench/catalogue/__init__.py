"""What can be asked for, and what is asked for: TOML files -> specs, choices -> a plan. Starts and asks nothing."""
