"""The processes: brokers and actors on dramatiq, and the clock. Journeys do the work; this rings for it."""
