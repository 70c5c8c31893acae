"""Asking a chat completions server: order, concurrency, tries, and what is said when it fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from chat_endpoint import Reply, completion, endpoint

from srl_agent.answers import Answer, Prompt
from srl_agent.chat_server import ChatServer, Server, with_reasoning
from srl_agent.errors import ModelError, PromptTooLong
from trajectories.records import Message


def prompts(count: int) -> list[Prompt]:
    return [(Message("user", f"task {n}"),) for n in range(count)]


def ask(url: str, some: Sequence[Prompt], rollouts: int = 1, key: str = "", **server: Any) -> list[list[Answer]]:
    told: dict[int, list[Answer]] = {}
    seeds = [[5 + number * rollouts + copy for copy in range(rollouts)] for number in range(len(some))]
    chosen = replace(Server(url, "m", {"temperature": 1.0}, backoff=0.0), **server)
    found = ChatServer(chosen, key=key)(some, rollouts, seeds, told.__setitem__)
    assert [told[number] for number in range(len(some))] == found
    return found


def echo(body: dict[str, Any]) -> Reply:
    return completion(f"{body['messages'][-1]['content']} seed {body['seed']}")


def in_turn(*replies: Reply) -> Callable[[dict[str, Any]], Reply]:
    """The replies one after the other, the last one for ever."""
    left: Iterator[Reply] = iter(replies[:-1])
    return lambda body: next(left, replies[-1])


def test_answers_come_back_in_the_order_of_the_prompts_each_with_its_own_seed() -> None:
    with endpoint(echo) as server:
        answers = ask(server.url, prompts(5), rollouts=2, concurrency=4)
    assert [answer.text for group in answers for answer in group] == [f"task {n // 2} seed {5 + n}" for n in range(10)]


def test_the_request_is_that_of_the_protocol() -> None:
    with endpoint(echo) as server:
        ask(server.url, prompts(1), key="secret", request={"temperature": 0.5, "max_tokens": None})
    ((path, headers, body),) = server.requests
    messages = [{"role": "user", "content": "task 0"}]
    assert (path, headers["Authorization"]) == ("/v1/chat/completions", "Bearer secret")
    assert body == {"model": "m", "messages": messages, "seed": 5, "temperature": 0.5}


@pytest.mark.parametrize("ending", ["", "/", "/chat/completions"])
def test_the_url_may_be_given_in_each_usual_form(ending: str) -> None:
    with endpoint(echo) as server:
        ask(server.url + ending, prompts(1))
    assert server.requests[0][0] == "/v1/chat/completions"


def test_no_key_means_no_authorization_header() -> None:
    with endpoint(echo) as server:
        ask(server.url, prompts(1))
    assert "Authorization" not in server.requests[0][1]


def test_as_many_requests_are_under_way_as_allowed_and_no_more() -> None:
    together, lock, under_way, most = threading.Barrier(3, timeout=30), threading.Lock(), [0], [0]

    def answer(body: dict[str, Any]) -> Reply:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        together.wait()  # broken unless three requests stand here at once
        with lock:
            under_way[0] -= 1
        return echo(body)

    with endpoint(answer) as server:
        ask(server.url, prompts(9), concurrency=3)
    assert most[0] == 3


TRANSIENT = [Reply(429, {"error": "slow down"}), Reply(500, "oops"), Reply(503, ""), Reply(0)]


@pytest.mark.parametrize("reply", TRANSIENT)
def test_what_may_pass_is_tried_again(reply: Reply) -> None:
    with endpoint(in_turn(reply, reply, completion("at last"))) as server:
        assert ask(server.url, prompts(1), retries=2)[0][0].text == "at last"
    assert len(server.requests) == 3


@pytest.mark.parametrize("reply", TRANSIENT)
def test_what_does_not_pass_is_an_error_that_names_the_url_and_the_tries(reply: Reply) -> None:
    with endpoint(lambda body: reply) as server, pytest.raises(ModelError, match=r"/v1/chat/completions: .* 3 times"):
        ask(server.url, prompts(1), retries=2)
    assert len(server.requests) == 3


def test_the_server_says_how_long_to_wait() -> None:
    with endpoint(in_turn(Reply(429, "", {"Retry-After": "0"}), completion("ok"))) as server:
        assert ask(server.url, prompts(1), backoff=1e6)[0][0].text == "ok"


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port, and nobody answers
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(ModelError, match=rf"{url}/chat/completions: cannot be reached"):
            ask(url, prompts(1), retries=1)
        with pytest.raises(ModelError, match=rf"{url}/chat/completions: cannot be reached"):
            ChatServer(Server(url, "m")).reach()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"])
def test_whatever_listens_can_be_reached(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        ChatServer(Server(f"http://127.0.0.1:{server.getsockname()[1]}/v1", "m")).reach()
        thread.join()


def test_an_answer_that_does_not_come_is_a_time_out() -> None:
    ended = threading.Event()

    def hang(body: dict[str, Any]) -> Reply:
        ended.wait(60)
        return Reply(0)

    with endpoint(hang) as server:
        try:
            with pytest.raises(ModelError, match=r"no answer within 0\.05 s \(--timeout\)"):
                ask(server.url, prompts(1), timeout=0.05, retries=0)
        finally:
            ended.set()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(401, {"error": "bad key"}), "OPENAI_API_KEY"),
        (Reply(404, {"error": "no such model"}), "--server-model"),
        (Reply(400, {"error": "max_tokens is not supported"}), "--server-extra"),
        (Reply(400, {"message": "This model's maximum context length is 4096 tokens. However, ..."}), "--max-tokens"),
        (Reply(400, {"error": {"message": "the request exceeds the available context size"}}), "--max-tokens"),
        (Reply(200, "<html>hello</html>"), "expected a chat completion, found: <html>"),
        (Reply(200, {"choices": []}), "expected a chat completion"),
        (Reply(200, ["x"]), "expected a chat completion"),
    ],
)
def test_what_another_try_would_not_mend_is_said_at_once(reply: Reply, words: str) -> None:
    with endpoint(lambda body: reply) as server, pytest.raises(ModelError, match=words):
        ask(server.url, prompts(1))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"error": {"code": "context_length_exceeded"}},
        {"message": "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens"},
        {"error": {"message": "You passed 1015 input tokens. However, the model's context length is only 1024 tokens"}},
        {"error": {"type": "exceed_context_size_error"}},
        {"error": {"message": "the request exceeds the available context size"}},
    ],
)
def test_a_prompt_that_is_too_long_is_told_from_other_refusals(said: dict[str, Any]) -> None:
    with (
        endpoint(lambda body: Reply(400, said)) as server,
        pytest.raises(PromptTooLong, match=r"data\.max_prompt_tokens"),
    ):
        ask(server.url, prompts(1))
    assert len(server.requests) == 1


def test_an_error_does_not_show_the_key() -> None:
    with endpoint(lambda body: Reply(401, {"error": "bad key"})) as server, pytest.raises(ModelError) as raised:
        ask(server.url, prompts(1), key="secret")
    assert "secret" not in str(raised.value)


def test_the_first_failure_ends_the_others() -> None:
    def answer(body: dict[str, Any]) -> Reply:
        return Reply(400, {"error": "no"}) if body["messages"][0]["content"] == "task 0" else echo(body)

    with endpoint(answer) as server, pytest.raises(ModelError, match="status 400"):
        ask(server.url, prompts(50), concurrency=1)
    assert len(server.requests) == 1


def test_length_and_cut_are_what_the_server_says() -> None:
    with endpoint(in_turn(completion("a", "length", 12), completion("b"))) as server:
        answers = ask(server.url, prompts(2), concurrency=1)
    assert answers == [[Answer("a", 12, True)], [Answer("b", 7, False)]]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "act"}, "act"),
        ({"content": None}, ""),
        ({"content": "act", "reasoning_content": "why"}, "<think>why</think>\nact"),
        ({"content": "act", "reasoning": "why"}, "<think>why</think>\nact"),
        ({"content": "act", "reasoning_content": None}, "act"),
        ({"content": None, "reasoning_content": "why"}, "<think>why</think>\n"),
        ({"content": "<think>own</think>\nact", "reasoning_content": "why"}, "<think>own</think>\nact"),
    ],
)
def test_reasoning_that_the_server_took_out_is_put_back(message: dict[str, Any], text: str) -> None:
    assert with_reasoning(message) == text


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", "v1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ModelError, match="--server: expected a URL"):
        ChatServer(Server(url, "m"))
