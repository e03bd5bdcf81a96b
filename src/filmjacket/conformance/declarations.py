"""The words in which a service is declared: service, transaction, resource, parameter, header, status (PS3.18 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from filmjacket.web.negotiate import Offer


class Obligation(StrEnum):
    """What the standard says of a row."""

    MANDATORY = "M"
    OPTIONAL = "O"
    EXTENSION = "extension"

    @property
    def words(self) -> str:
        """For people."""
        return {"M": "required", "O": "optional", "extension": "extension of this server"}[self.value]


@dataclass(frozen=True, slots=True)
class PathVariable:
    """A variable of a URI template; `wadl` is its name in PS3.18 Annex H."""

    name: str
    wadl: str
    schema: Mapping[str, object]
    example: str
    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter. `examples` are taken, `refused` are values that get 400 (8.3.1)."""

    name: str
    values: str
    section: str
    schema: Mapping[str, object]
    examples: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    obligation: Obligation = Obligation.MANDATORY
    repeatable: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """A header field of requests or responses that a transaction gives a meaning to."""

    name: str
    values: str
    section: str
    obligation: Obligation = Obligation.MANDATORY
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """A status code and when it is sent. `edition` limits it to a value of the setting."""

    code: int
    condition: str
    edition: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """A media type of request payloads."""

    media_type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One method on one URI template: a row of the table of routes, which uses the same name.

    `tests` is the file of its conformance tests below `tests`, `switch` a setting that must be true for it to be there.
    `keys` are attributes that a search must match, where they are not those of a level of the Studies service.
    """

    name: str
    method: str
    template: str
    summary: str
    obligation: Obligation = Obligation.MANDATORY
    parameters: tuple[Parameter, ...] = ()
    offers: tuple[Offer, ...] = ()
    statuses: tuple[Status, ...] = ()
    tests: str = ""
    switch: str = ""
    keys: tuple[str, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables of the template."""
        return tuple(part[1:-1] for part in self.template.split("/") if part.startswith("{"))


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction of a service with all that its resources have in common."""

    name: str
    section: str
    summary: str
    resources: tuple[Resource, ...]
    request_headers: tuple[Header, ...]
    response_headers: tuple[Header, ...]
    statuses: tuple[Status, ...]
    payloads: tuple[Payload, ...] = ()
    obligation: Obligation = Obligation.MANDATORY

    def statuses_of(self, resource: Resource, edition: str) -> tuple[Status, ...]:
        """What a resource can answer in an edition, by rising code."""
        every = (*self.statuses, *resource.statuses)
        return tuple(sorted((row for row in every if row.edition in {"", edition}), key=lambda row: row.code))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every query parameter of its resources, once."""
        named = {row.name: row for resource in self.resources for row in resource.parameters}
        return tuple(named.values())


@dataclass(frozen=True, slots=True)
class Service:
    """A service of PS3.18 and its transactions."""

    name: str
    section: str
    summary: str
    transactions: tuple[Transaction, ...]

    def operations(self) -> Iterator[tuple[Transaction, Resource]]:
        """Every resource with the transaction that it belongs to."""
        for transaction in self.transactions:
            for resource in transaction.resources:
                yield transaction, resource


@dataclass(frozen=True, slots=True)
class Selection:
    """What the settings make of the register: the edition, and which switches are on."""

    edition: str = "2026"
    switches: frozenset[str] = frozenset()

    def has(self, resource: Resource) -> bool:
        """Whether a resource is there."""
        return resource.switch in {"", *self.switches}


@dataclass(frozen=True, slots=True)
class NotSupported:
    """What a reader of the standard may look for, and this version does not have."""

    name: str
    section: str
    text: str
