"""The answers of the stand-in for vLLM: by the task of its model, and under its adapters' names."""

import typing

import pytest

from local.images import stub_answers, stub_vllm

Table = dict[str, typing.Any]


def asked(path: str, body: Table, *flags: str) -> tuple[int, Table]:
    return stub_answers.answer(stub_vllm.parse(["serve", "m", *flags]), path, body)


POOLING = ("--runner", "pooling")


def test_equal_texts_have_equal_vectors() -> None:
    status, answer = asked("/v1/embeddings", {"model": "m", "input": ["a b", "b a", "c"]}, *POOLING)
    first, second, third = (row["embedding"] for row in answer["data"])
    assert (status, first, first == third) == (200, second, False)


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_the_document_that_is_likest_the_query_comes_first(path: str) -> None:
    body = {"model": "m", "query": "aab", "documents": ["xyz", "aab"]}
    status, answer = asked(path, body, *POOLING)
    assert (status, [row["index"] for row in answer["results"]]) == (200, [1, 0])
    assert answer["results"][0]["relevance_score"] == pytest.approx(1)


def test_a_score_compares_two_texts() -> None:
    status, answer = asked("/score", {"text_1": "ab", "text_2": ["ab", "c"]}, *POOLING)
    assert status == 200
    assert [row["score"] for row in answer["data"]] == pytest.approx([1, 0])


def test_a_model_that_embeds_does_not_chat_and_one_that_chats_does_not_embed() -> None:
    body = {"model": "m", "input": "a", "messages": []}
    assert asked("/v1/chat/completions", body, *POOLING)[0] == 404
    assert asked("/v1/embeddings", body)[0] == 404
    assert asked("/v1/chat/completions", body)[0] == 200


def test_an_adapter_answers_under_its_name() -> None:
    adapters = ("--enable-lora", "--lora-modules", "sql=acme/sql", "law=/models/law")
    for name, status in (("m", 200), ("sql", 200), ("law", 200), ("other", 404)):
        assert asked("/v1/completions", {"model": name}, *adapters)[0] == status
    assert asked("/v1/completions", {"model": "sql"}, *adapters)[1]["model"] == "sql"
