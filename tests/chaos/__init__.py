"""What happens when something is killed, stopped, filled or spoilt."""
