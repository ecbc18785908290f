"""A Kafka topic as rows that keep arriving, through confluent-kafka; each message is a JSON object."""

import json
from urllib.parse import parse_qs, urlsplit

from ...base.errors import UsageError
from ...base.validate import require

_MOST, _WAIT, _ANSWER = 1000, 0.1, 10.0  # messages at once; seconds for them, and for the broker's first answer


def is_topic(source):
    """Whether a source is named as a topic: `kafka://HOST:PORT/TOPIC`."""
    return str(source).startswith("kafka://")


class Topic:
    """All partitions of a topic, from their beginning, or from where an earlier run was.

    Args:
        address: `kafka://HOST:PORT/TOPIC`, with `?idle=SECONDS` where so long without a message is its end.
        offsets: `{partition: offset}` to go on from.
    """

    def __init__(self, address, offsets=None):
        try:
            from confluent_kafka import Consumer, KafkaException, TopicPartition
        except ImportError as error:
            raise UsageError("`source` must be a file where confluent-kafka is not installed. Run: pip install "
                             "'epochal[kafka]'.") from error
        parts = urlsplit(address)
        self.name, query = parts.path.strip("/"), parse_qs(parts.query)
        require(parts.netloc and self.name and "/" not in self.name, "source", address, "kafka://HOST:PORT/TOPIC", "Name a topic.")
        idle = query.get("idle", [None])[-1]
        try:
            self._idle = None if idle is None else float(idle)
        except ValueError as error:
            raise UsageError(f"`source` must say seconds after idle=; got {idle!r}. Write ?idle=30.") from error
        self._consumer = Consumer({"bootstrap.servers": parts.netloc, "group.id": f"epochal-{self.name}",
                                   "enable.auto.commit": False, "auto.offset.reset": "earliest"})
        try:
            found = self._consumer.list_topics(self.name, timeout=_ANSWER).topics[self.name]
        except KafkaException as error:
            raise UsageError(f"`source` must be a broker that answers; got {address!r} ({error.args[0].str()}). Check host, "
                             "port and network.") from error
        require(found.error is None, "source", address, "a topic that the broker has", f"It says: {found.error}.")
        self._at = {number: (offsets or {}).get(number) for number in sorted(found.partitions)}
        self._parts = TopicPartition
        self._consumer.assign([TopicPartition(self.name, number, -2 if at is None else at) for number, at in self._at.items()])

    def batches(self):
        """Lists of `(cells, why, (partition, next offset))`, as messages arrive; an empty one where none does."""
        quiet = 0.0
        while self._idle is None or quiet < self._idle:
            messages = self._consumer.consume(_MOST, _WAIT)
            quiet = 0.0 if messages else quiet + _WAIT
            yield [self._row(message) for message in messages]

    def behind(self):
        """Messages that are in the topic and were not read."""
        n = 0
        for number in self._at:
            low, high = self._consumer.get_watermark_offsets(self._parts(self.name, number), timeout=_ANSWER)
            n += max(0, high - max(low, self._at[number] or low))
        return n

    def _row(self, message):
        if message.error() is not None:
            raise UsageError(f"`source` must be a topic that can be read; the broker says: {message.error()}. Check it.")
        self._at[message.partition()] = message.offset() + 1
        mark = (message.partition(), message.offset() + 1)
        try:
            found = json.loads(message.value() or b"")
        except (ValueError, RecursionError) as error:
            return None, f"it is no JSON ({error})", mark
        if not isinstance(found, dict) or any(isinstance(value, dict | list) for value in found.values()):
            return None, "it is no JSON object of plain values", mark
        return found, None, mark


