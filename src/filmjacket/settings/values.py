"""Kinds of values that settings have, and what is wrong with one that cannot be used."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from filmjacket.settings.cron_lines import check_cron
from filmjacket.web.search_attributes import parse_search_attribute
from filmjacket.web.workitem_grammar import parse_ae_title
from filmjacket.web.zip_names import NameTemplate

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in (part.strip() for part in value.split(",")) if part)
    return value


def _check_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise ValueError(f"{network!r} is no IP address or network such as 10.0.0.0/8") from None
    return networks


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parts = urlsplit(origin)
        exact = parts.scheme in {"http", "https"} and origin == f"{parts.scheme}://{parts.netloc}"
        if origin != "*" and not exact:
            raise ValueError(f"{origin!r} is neither * nor an origin such as https://viewer.example.org")
    return origins


def _check_ae_titles(titles: tuple[str, ...]) -> tuple[str, ...]:
    for title in titles:
        parse_ae_title(title, "subscriber")
    return titles


def _check_search_attributes(attributes: tuple[str, ...]) -> tuple[str, ...]:
    for attribute in attributes:
        parse_search_attribute(attribute)
    return attributes


def _check_base_path(path: str) -> str:
    path = path.rstrip("/")
    if path and (not path.startswith("/") or "//" in path or set(path) & set("?#%{} ")):
        raise ValueError("expected a path such as /dicom-web, or / for the root")
    return path


def _check_public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected an absolute URL without query such as https://pacs.example.org")
    return url.rstrip("/")


def _check_zip_names(names: str) -> str:
    NameTemplate.parse(names)
    return names


def _expand_home(path: Path) -> Path:
    return path.expanduser()


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_commas)]
SearchAttributes = Annotated[Texts, AfterValidator(_check_search_attributes)]
Networks = Annotated[Texts, AfterValidator(_check_networks)]
Origins = Annotated[Texts, AfterValidator(_check_origins)]
AeTitles = Annotated[Texts, AfterValidator(_check_ae_titles)]
Ports = Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], NoDecode, BeforeValidator(_split_commas)]
BasePath = Annotated[str, AfterValidator(_check_base_path)]
PublicUrl = Annotated[str, AfterValidator(_check_public_url)]
ZipNames = Annotated[str, AfterValidator(_check_zip_names)]
CronLine = Annotated[str, AfterValidator(check_cron)]
Directory = Annotated[Path, AfterValidator(_expand_home)]
