"""When people will buy again, and at which hours and on which days they act."""
