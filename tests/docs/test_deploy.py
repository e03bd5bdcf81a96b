"""The deployment examples say what the code says, all the same, in files that their programs accept."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from filmjacket.http.routes import routes
from filmjacket.settings import describe_settings
from filmjacket.settings.tree import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
TRUTH = tomllib.loads((DEPLOY / "truth.toml").read_text())


def load_generate():
    spec = importlib.util.spec_from_file_location("deploy_generate", DEPLOY / "generate.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RENDERED = load_generate().rendered()
VARIABLES = {row.variable for row in describe_settings()}


@pytest.mark.parametrize("name", RENDERED)
def test_example_is_current(name):
    assert (DEPLOY / name).read_text() == RENDERED[name], "run `python deploy/generate.py`"


@pytest.mark.parametrize("name", RENDERED)
def test_example_names_only_settings_that_exist(name):
    named = set(re.findall(r"FILMJACKET_[A-Z0-9_]+", RENDERED[name])) - {"FILMJACKET_CONFIG"}
    assert named <= VARIABLES


def test_the_truth_is_that_of_the_code():
    defaults = {row.name: row.default for row in describe_settings()}
    server = TRUTH["server"]
    assert str(server["port"]) in str(defaults["port"])
    assert server["base_path"] in str(defaults["base_path"])
    paths = {route.path for route in routes(server["base_path"])}
    assert set(TRUTH["health"].values()) <= paths
    assert set(TRUTH["settings"]) <= {row.name for row in describe_settings()}


def test_compose_settings_are_accepted():
    services = yaml.safe_load(RENDERED["compose.yaml"])["services"]
    for name in ("filmjacket", "jobs"):
        environment = services[name]["environment"]
        tree: dict = {}
        for variable, value in environment.items():
            group, _, key = variable.removeprefix("FILMJACKET_").lower().rpartition("__")
            text = re.sub(r"\$\{\w+:\?\}", "0123456789abcdef0123", value)
            (tree.setdefault(group, {}) if group else tree)[key] = text
        settings = Settings(**tree)
        assert settings.workers == TRUTH["server"]["workers"]
        assert settings.database_url.startswith("postgresql")


def test_every_service_of_compose_is_waited_for_or_started():
    services = yaml.safe_load(RENDERED["compose.yaml"])["services"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
    assert services["proxy"]["ports"] == [f"{TRUTH['proxy']['port']}:{TRUTH['proxy']['port']}"]


@pytest.mark.parametrize(
    "name", [name for name in RENDERED if name.endswith((".yaml", ".yml")) and "/templates/" not in name]
)
def test_yaml_is_yaml(name):
    assert yaml.safe_load(RENDERED[name])


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_accepts_its_file(tmp_path):
    site = RENDERED["nginx/filmjacket.conf"].replace("server filmjacket:", "server 127.0.0.1:")
    (tmp_path / "site.conf").write_text(site)
    main = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; include {tmp_path}/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(main)
    done = subprocess.run(
        ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_its_unit(tmp_path):
    unit = RENDERED["systemd/filmjacket.service"].replace("/opt/filmjacket/bin/filmjacket", sys.executable)
    (tmp_path / "filmjacket.service").write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "filmjacket.service")],
        check=False,
        capture_output=True,
        text=True,
    )
    faults = [line for line in done.stderr.splitlines() if "filmjacket.service" in line]
    assert not faults
