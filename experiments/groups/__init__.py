"""What groups there are among photos, and how much accuracy a split that ignores them would invent."""
