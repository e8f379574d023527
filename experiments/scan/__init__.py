"""How long many photos take to be read and grouped, the first time and again, and how much memory."""
