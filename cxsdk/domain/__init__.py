"""The values that cross rooms: frozen, validated, without a store, a network or a clock."""
