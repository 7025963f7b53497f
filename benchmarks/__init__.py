"""What Statecast claims about speed, memory and accuracy, measured: ratios within one run."""
