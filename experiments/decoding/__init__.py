"""How much faster photos are decoded near the size they are wanted at, and what that costs."""
