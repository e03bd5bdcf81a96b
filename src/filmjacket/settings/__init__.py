"""Settings: one frozen tree from defaults, a TOML file, the environment and the command line, rising in rank.

`FILMJACKET_PORT=8105` in the environment, `port = 8105` in `filmjacket.toml` and `--port 8105` on the command
line are the same setting; so are `FILMJACKET_LOG__LEVEL=debug` and `level = "debug"` in the table `[log]`.
"""

from filmjacket.settings.reference import SettingRow, describe_settings, effective_values, reference_page
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
    LogFormat,
    LogLevel,
    LogSettings,
    SearchSettings,
    Settings,
)

__all__ = [
    "CONFIG_FILE",
    "CONFIG_VARIABLE",
    "Edition",
    "Engine",
    "LaneSettings",
    "LimitSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "SearchSettings",
    "SettingRow",
    "Settings",
    "SettingsError",
    "describe_settings",
    "effective_values",
    "export_environment",
    "load_settings",
    "reference_page",
    "to_environment",
    "unknown_variables",
]
