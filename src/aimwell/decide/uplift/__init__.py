"""What contact adds for each person: learnt from an experiment, and judged on people who were not learnt from."""
