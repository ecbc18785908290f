"""A Kafka topic as a source: read through confluent-kafka from librdkafka's mock broker, which speaks the protocol on a port."""

import json
from contextlib import contextmanager

import numpy as np
import pytest

from epochal import UsageError, stream

pytestmark = [pytest.mark.needs("confluent_kafka"), pytest.mark.needs("river")]


@contextmanager
def broker(values):
    """The address of a broker that holds these messages in a topic `rows` of one partition."""
    from confluent_kafka import Producer

    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "linger.ms": 1})
    try:
        [one] = producer.list_topics(timeout=10).brokers.values()
        for value in values:
            producer.produce("rows", value, partition=0)
        assert producer.flush(30) == 0
        yield f"{one.host}:{one.port}", lambda value: (producer.produce("rows", value, partition=0), producer.flush(10))
    finally:
        producer.purge()


def messages(n, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    return [json.dumps({"a": p, "b": q, "y": bool(p + q > 0)}) for p, q in zip(a.tolist(), b.tolist(), strict=True)]


def test_a_topic_is_followed_to_its_end_and_gone_on_from_where_it_was(tmp_path):
    rows = messages(900)
    rows[700] = "{broken"
    with broker(rows) as (address, send):
        first = stream(None, f"kafka://{address}/rows?idle=3", target="y", checkpoint=tmp_path, verbose=0)
        assert (first.n_rows, first.offset, first.behind) == (899, 900, 0)
        assert first.left_out[0].startswith("row 701: it is no JSON")
        assert first.arms[0].score > 0.7
        for row in messages(100, seed=1):
            send(row)
        second = stream(None, f"kafka://{address}/rows?idle=3", target="y", checkpoint=tmp_path, verbose=0)
        assert (second.n_rows, second.offset) == (999, 1000)


def test_a_broker_that_does_not_answer_is_a_sentence(monkeypatch):
    monkeypatch.setattr("epochal.tables.streams.kafka._ANSWER", 0.5)
    with pytest.raises(UsageError, match="a broker that answers"):
        stream(None, "kafka://localhost:1/rows", target="y", verbose=0)
