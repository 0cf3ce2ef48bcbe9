"""Programs that are run by hand to see what the tests notice."""
