"""The demonstration: small repositories (`repos/*.txt`), bugs planted in them, and the expert that mends them."""
