"""Settings: one frozen tree from defaults, a TOML file, the environment and the command line, rising in rank.

`FILMJACKET_PORT=8105` in the environment, `port = 8105` in `filmjacket.toml` and `--port 8105` on the command
line are the same setting; so are `FILMJACKET_LOG__LEVEL=debug` and `level = "debug"` in the table `[log]`.
"""

from filmjacket.settings.reference import SettingRow, describe_settings, effective_values, reference_page
from filmjacket.settings.s3 import S3Settings
from filmjacket.settings.sources import (
    CONFIG_FILE,
    CONFIG_VARIABLE,
    SettingsError,
    export_environment,
    load_settings,
    to_environment,
    unknown_variables,
)
from filmjacket.settings.tree import (
    Edition,
    Engine,
    LaneSettings,
    LimitSettings,
    LogSettings,
    SearchSettings,
    Settings,
)
from filmjacket.settings.watching import Access, LogFormat, LogLevel, MetricsSettings, TracingSettings

__all__ = [
    "CONFIG_FILE",
    "CONFIG_VARIABLE",
    "Access",
    "Edition",
    "Engine",
    "LaneSettings",
    "LimitSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "MetricsSettings",
    "S3Settings",
    "SearchSettings",
    "SettingRow",
    "Settings",
    "SettingsError",
    "TracingSettings",
    "describe_settings",
    "effective_values",
    "export_environment",
    "load_settings",
    "reference_page",
    "to_environment",
    "unknown_variables",
]
