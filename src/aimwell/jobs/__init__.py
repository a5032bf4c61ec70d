"""Durable background work: a queue of leased jobs, workers, schedules and alerts."""
