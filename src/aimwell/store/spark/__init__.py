"""The engine for histories too large for one machine: queries written for DuckDB, run by Spark with the same results."""
