"""The use cases, one per file, in the order in which data walks through them."""
