"""Steps from one schema to the next. They only add what an older version of the code can live with."""
