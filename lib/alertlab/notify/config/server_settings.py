"""Settings of Alertmanager that change no notification: read to refuse what it refuses.

Follows tracing/config.go and eventrecorder/*.go.
"""

from __future__ import annotations

from typing import Any

from alertlab.notify.config.addresses import url
from alertlab.notify.config.decoding import (
    Place,
    Struct,
    Values,
    all_keys,
    boolean,
    duration,
    integer,
    list_of,
    number,
    optional,
    text,
)
from alertlab.notify.config.http_client import HEADERS, HTTP, TLS
from alertlab.notify.config.receiver_checks import check_choice

_BATCH_KEYS = ("batch_max_events", "batch_max_bytes", "batch_flush_interval")


def _client_type(node: Any, place: Place) -> str:
    written = {"client_type": text(node, place)}
    if node is not None:
        check_choice(written, "client_type", ("http", "grpc"), place)
    return written["client_type"]


def _check_tracing(values: Values, place: Place) -> None:
    check_choice(values, "compression", ("", "gzip"), place)


def _check_batches(values: Values, place: Place) -> None:
    if any(values[key] < 0 for key in _BATCH_KEYS):
        raise place.refusal("the settings of a batch are not negative")
    if not values["batch"] and any(values[key] for key in _BATCH_KEYS):
        raise place.refusal("the settings of a batch need batch: true beside them")


def _check_kafka(values: Values, place: Place) -> None:
    if "" in values["brokers"]:
        raise place.refusal("a broker is empty; write host:port or remove it")
    check_choice(values, "acks", ("", "none", "leader", "all"), place)
    check_choice(values, "compression", ("", "none", "gzip", "snappy", "lz4", "zstd"), place)
    check_choice(values, "format", ("", "json", "protobuf"), place)


TRACING = Struct(
    {
        "client_type": _client_type,
        "endpoint": text,
        "sampling_fraction": number,
        "insecure": boolean,
        "tls_config": optional(TLS),
        "headers": HEADERS,
        "compression": text,
        "timeout": duration,
    },
    needs=(("endpoint",),),
    check=_check_tracing,
)
EVENT_RECORDER = Struct(
    {
        "file_outputs": list_of(Struct({"path": text}, needs=(("path",),))),
        "webhook_outputs": list_of(
            Struct(
                all_keys(duration, "timeout retry_backoff batch_flush_interval")
                | all_keys(integer, "workers max_retries batch_max_events batch_max_bytes")
                | {"url": url, "http_config": HTTP, "batch": boolean},
                needs=(("url",),),
                check=_check_batches,
            )
        ),
        "kafka_outputs": list_of(
            Struct(
                all_keys(text, "topic client_id format acks compression")
                | {
                    "brokers": list_of(text),
                    "buffer_size": integer,
                    "tls_config": optional(TLS),
                },
                needs=(("brokers",), ("topic",)),
                check=_check_kafka,
            )
        ),
        "stdout_outputs": list_of(Struct({})),
    }
)
