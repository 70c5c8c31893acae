"""The bundled problems (`problems.jsonl`), and what makes them (`python -m math_track.demo.make`)."""
