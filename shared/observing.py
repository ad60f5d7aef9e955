"""What both planes are told about how they may be watched."""

from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]


class ObservedSettings(BaseSettings):
    """Of OpenTelemetry's variables those that say whether there is anything to do: its SDK reads the others itself."""

    log_format: LogFormat = "console"
    log_level: LogLevel = "info"
    otlp_endpoint: str = Field(
        default="", validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    otel_traces_exporter: str = Field(default="otlp", validation_alias="OTEL_TRACES_EXPORTER")
    otel_sdk_disabled: str = Field(default="", validation_alias="OTEL_SDK_DISABLED")
    otel_bsp_max_queue_size: int = Field(default=2048, ge=1, validation_alias="OTEL_BSP_MAX_QUEUE_SIZE")
    otel_bsp_max_export_batch_size: int = Field(default=512, ge=1, validation_alias="OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
    otel_bsp_schedule_delay: int = Field(default=5000, ge=1, validation_alias="OTEL_BSP_SCHEDULE_DELAY")

    @property
    def traces(self) -> bool:
        """Whether traces are wanted."""
        off = self.otel_sdk_disabled.lower() == "true" or self.otel_traces_exporter == "none"
        return bool(self.otlp_endpoint) and not off
