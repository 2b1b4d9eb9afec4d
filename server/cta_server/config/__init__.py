"""The server's configuration: defaults, then a TOML file, then `CTA_*` of the environment, then flags; the last one
counts.
"""

from cta_server.config.loading import Configuration, Origin, load
from cta_server.config.reference import Row, config_reference
from cta_server.config.settings import (
    AdviserSettings,
    ConsumerSettings,
    LimitSettings,
    LogFormat,
    LogLevel,
    LogSettings,
    ServerSettings,
    Settings,
    SourceSettings,
    StageSettings,
    StoreSettings,
)
from cta_server.config.webhooks import NotifySettings, WebhookSettings

__all__ = [
    "AdviserSettings",
    "Configuration",
    "ConsumerSettings",
    "LimitSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "NotifySettings",
    "Origin",
    "Row",
    "ServerSettings",
    "Settings",
    "SourceSettings",
    "StageSettings",
    "StoreSettings",
    "WebhookSettings",
    "config_reference",
    "load",
]
