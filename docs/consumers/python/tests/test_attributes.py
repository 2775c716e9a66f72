import pytest

from driver_events import kafka_attributes, kafka_headers, nats_attributes, nats_headers


def test_nats_headers_are_decoded_once() -> None:
    headers = {"ce-source": "urn:a%2520b", "CE-Id": "Euro%20%e2%82%AC", "Nats-Msg-Id": "key", "Other": "100% of%2"}
    assert nats_attributes(headers) == {"source": "urn:a%20b", "id": "Euro €"}
    assert nats_headers(headers)["other"] == "100% of%2"


@pytest.mark.parametrize(
    ("quoted", "value"),
    [(r'"a \"quoted\" b%20c"', 'a "quoted" b c'), ('"', '"'), ('""', ""), ('"open', '"open'), (r'"a\"', "a\\")],
)
def test_quoted_nats_headers_are_unquoted(quoted: str, value: str) -> None:
    assert nats_attributes({"ce-id": quoted}) == {"id": value}


def test_nats_msg_id_replaces_a_missing_id() -> None:
    assert nats_attributes({"nats-msg-id": "driver-events%20x"}) == {"id": "driver-events x"}
    assert nats_attributes({}) == nats_attributes(None) == {}


def test_kafka_headers_are_not_percent_decoded() -> None:
    headers = [("ce_id", "100%25 €".encode()), ("ce_source", None), ("content-type", b"application/json"), ("x", b"\xff")]
    assert kafka_attributes(headers) == {"id": "100%25 €", "datacontenttype": "application/json"}
    assert kafka_headers(headers)["x"] == "\ufffd"
    assert kafka_attributes(None) == {}


def test_last_kafka_header_of_a_name_counts() -> None:
    assert kafka_attributes([("ce_id", b"1"), ("ce_id", b"2")]) == {"id": "2"}
    assert kafka_attributes([("ce_id", b"1"), ("ce_id", None)]) == {}
