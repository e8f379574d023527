"""Whether new photos look unlike those learnt from, and how that is best asked."""
