"""What the archives of tests are kept in, as settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.engines.fixtures import PostgresServer
    from tests.engines.s3_server import S3Server


@dataclass(frozen=True, slots=True)
class Backend:
    """The embedded one, which no setting names, or servers."""

    name: str
    postgres: PostgresServer | None
    s3: S3Server | None = None

    @property
    def embedded(self) -> bool:
        """Whether archives are a directory and nothing else."""
        return self.postgres is None

    def fresh_settings(self) -> dict[str, Any]:
        """Return the settings of an archive that nobody used before."""
        if self.postgres is None:
            return {}
        return {"database": self.postgres.borrow(), **(self.s3.fresh_settings() if self.s3 else {})}

    def discard(self, settings: dict[str, Any]) -> None:
        """Remove what `fresh_settings` made."""
        if self.postgres is not None:
            self.postgres.give_back(settings["database"])
