"""Who belongs together: the rule language, RFM, clusters, and personas that describe any division of people."""
