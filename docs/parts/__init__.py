"""What ``generate.py`` puts into the pages, one module for each sort of part."""
