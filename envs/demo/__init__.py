"""The demonstration: small repositories, bugs planted in them, and the expert that mends them."""
