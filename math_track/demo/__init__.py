"""The bundled problems, and what makes them."""
