"""Whether what catml prints is true: the whole procedure, done again and again on parts of 400 real photos."""
