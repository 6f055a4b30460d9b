"""How a platform publishes comments to Kafka, as small programs to copy from.

Each runs by itself against any Kafka, the demo's too, and holds what its platform needs and nothing more.
README.md shows the same for other languages.
"""
