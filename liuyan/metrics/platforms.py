"""Limit the platforms that are label values, because every value creates new series."""

OTHER = "other"


class PlatformLabels:
    """Returns the first ``most`` platforms as they are, and ``other`` for all others. Not thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._named: set[str] = set()

    def label(self, platform: str) -> str:
        """Return the label value of a platform."""
        if platform in self._named:
            return platform
        if len(self._named) >= self._most:
            return OTHER
        self._named.add(platform)
        return platform
