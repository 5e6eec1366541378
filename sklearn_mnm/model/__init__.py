"""What a fit learns, in the order of its steps, and what it is asked afterwards."""
