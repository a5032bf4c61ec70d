"""Who should get what: policies judged on logged experiments before anybody is contacted, and chosen with care."""
