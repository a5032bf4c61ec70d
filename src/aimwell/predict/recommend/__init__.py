"""Recommendations: which product for whom, judged on what people bought later."""
