"""One folder an experiment: its script, its result as small files, and a README that says what was found."""
