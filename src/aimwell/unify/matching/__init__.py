"""Who may be one person though no identifier says so: likeness of names, addresses and dates, weighed by Splink.

The model is learned from the workspace's own people, without labels (Fellegi and Sunter 1969; the parameters by
expectation maximisation). What it finds are proposals: `unify` merges, asks a person, or lets be by thresholds that
were fixed before.
"""
