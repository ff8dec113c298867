"""The catalogue as it is now: what `POST /admin/reload` puts in the place of the one before."""

from runtime_server.catalogue import Catalogue


class LiveCatalogue:
    """Read `current` once for one decision: the next look may see another one."""

    def __init__(self, first: Catalogue) -> None:
        self._current = first

    @property
    def current(self) -> Catalogue:
        """An immutable catalogue."""
        return self._current

    def replace(self, catalogue: Catalogue) -> None:
        """From now on this one. Requests that have chosen their artifact keep it."""
        self._current = catalogue
