"""How many photos `catml serve` answers."""
