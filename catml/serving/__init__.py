"""The small web application of `catml serve`: a page, and the same over HTTP."""
