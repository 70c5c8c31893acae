"""Outputs from an OpenAI-compatible chat completions server: many requests at once, tried again where that may help.

httpx rather than the `openai` package: one request and two retry rules are less than another dependency's range of
versions, and vLLM, llama.cpp and hosted models all answer this plain form.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from srl_agent.answers import Answer, Done, Prompt
from srl_agent.errors import ModelError, PromptTooLong
from srl_agent.output_format import CLOSE, OPEN, WHITESPACE

KEY = "OPENAI_API_KEY"
"""Environment variable with the key; without it no key is sent."""
PATH = "/chat/completions"
REASONING = ("reasoning_content", "reasoning")
"""Where servers put what they take out of the text as reasoning: vLLM and DeepSeek, then newer vLLM and OpenRouter."""
TOO_LONG = re.compile(r"context[ _](?:length|size|window)|maximum model length|(?:prompt|input) is too long", re.I)
"""How servers refuse a prompt beyond their context (OpenAI, vLLM up to 0.16, SGLang, TensorRT-LLM, llama.cpp)."""
MAX_WAIT = 60.0
"""Seconds between two tries at most, whatever the server asks for."""
REACH = 10.0
"""Seconds for the server to take a connection."""
SHOWN = 300
"""Characters of an answer that an error shows."""


@dataclass(frozen=True)
class Server:
    """A server and how it is asked."""

    url: str
    """Up to and with `/v1`."""
    model: str
    request: Mapping[str, Any] = field(default_factory=dict)
    """Sampling settings, sent with every request."""
    concurrency: int = 16
    """Requests under way at once."""
    timeout: float = 600.0
    """Seconds for one answer."""
    retries: int = 5
    """Further tries of a request that met no server, a time-out, 429 or 5xx."""
    backoff: float = 0.5
    """Seconds before the first of them; doubled for each further one, or what the server's Retry-After says."""


class _Again(Exception):
    """A request that may do better later: why, and the seconds the server asks to wait."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class ChatServer:
    """Answers prompts; see `srl_agent.answers.Answerer`.

    ModelError names the URL and what to do; PromptTooLong where it is the prompt's length that the server refuses.
    """

    together = 0

    def __init__(self, server: Server, key: str | None = None) -> None:
        self.server, self.threads = server, server.concurrency
        self._url = server.url.rstrip("/").removesuffix(PATH) + PATH
        if not self._url.startswith(("http://", "https://")):
            raise ModelError(f"--server: expected a URL such as http://localhost:8000/v1, found '{server.url}'")
        key = os.environ.get(KEY, "") if key is None else key
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def reach(self) -> None:
        """ModelError where nobody listens at the URL, for what would begin other work before its first question."""
        try:
            httpx.head(self._url, timeout=REACH)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise ModelError(f"{self._url}: cannot be reached ({error or type(error).__name__}); {_REMEDY}") from error
        except httpx.TransportError:
            return  # it is there, and busy or of few words: the questions, which are tried again, will tell

    def __call__(
        self, prompts: Sequence[Prompt], rollouts: int, seeds: Sequence[Sequence[int]], done: Done
    ) -> list[list[Answer]]:
        """See `Answerer`; the first request that fails for good ends all others."""
        return asyncio.run(self._answer_all(prompts, rollouts, seeds, done))

    async def _answer_all(
        self, prompts: Sequence[Prompt], rollouts: int, seeds: Sequence[Sequence[int]], done: Done
    ) -> list[list[Answer]]:
        gate = asyncio.Semaphore(self.server.concurrency)
        found: list[list[Answer | None]] = [[None] * rollouts for _ in prompts]

        async def answer(client: httpx.AsyncClient, number: int, copy: int) -> None:
            async with gate:
                found[number][copy] = await self._answer(client, prompts[number], seeds[number][copy])
            whole = [one for one in found[number] if one is not None]
            if len(whole) == rollouts:
                done(number, whole)

        limits = httpx.Limits(max_connections=self.server.concurrency)
        async with httpx.AsyncClient(headers=self._headers, timeout=self.server.timeout, limits=limits) as client:
            pairs = [(number, copy) for number in range(len(prompts)) for copy in range(rollouts)]
            work = [asyncio.ensure_future(answer(client, *pair)) for pair in pairs]
            try:
                await asyncio.gather(*work)
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
        return [[one for one in group if one is not None] for group in found]

    async def _answer(self, client: httpx.AsyncClient, prompt: Prompt, seed: int) -> Answer:
        messages = [{"role": message.role, "content": message.content} for message in prompt]
        request = {"model": self.server.model, "messages": messages, "seed": seed, **self.server.request}
        body = {name: value for name, value in request.items() if value is not None}
        for attempt in range(self.server.retries + 1):
            try:
                return self._read(await self._post(client, body))
            except _Again as again:
                if attempt == self.server.retries:
                    raise ModelError(f"{self._url}: {again}, {attempt + 1} times; {_REMEDY}") from again
                wait = self.server.backoff * 2**attempt if again.wait is None else again.wait
                await asyncio.sleep(min(MAX_WAIT, wait))
        raise AssertionError("the last try returns or raises")

    async def _post(self, client: httpx.AsyncClient, body: Mapping[str, Any]) -> httpx.Response:
        try:
            response = await client.post(self._url, json=body)
        except httpx.TimeoutException as error:
            raise _Again(f"no answer within {self.server.timeout:g} s (--timeout)") from error
        except httpx.TransportError as error:
            raise _Again(f"cannot be reached ({error or type(error).__name__})") from error
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise _Again(f"status {response.status_code}: {_excerpt(response)}", _retry_after(response))
        if not response.is_success and TOO_LONG.search(response.text):
            raise PromptTooLong(f"{self._url}: status {response.status_code}: {_excerpt(response)}; {_SHORTER}")
        if not response.is_success:
            hint = _HINTS.get(response.status_code, "change the request with --server-extra")
            raise ModelError(f"{self._url}: status {response.status_code}: {_excerpt(response)}; {hint}")
        return response

    def _read(self, response: httpx.Response) -> Answer:
        try:
            record = response.json()
            choice = record["choices"][0]
            message = choice["message"]
            text = with_reasoning(message)
            tokens = (record.get("usage") or {}).get("completion_tokens") or 0
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{self._url}: expected a chat completion, found: {_excerpt(response)}; is --server the URL of an "
                "OpenAI-compatible server?"
            ) from error
        return Answer(text, int(tokens), choice.get("finish_reason") == "length")


_REMEDY = "see whether the server runs and what its log says, lower --concurrency, or raise --timeout or --retries"
_SHORTER = (
    "lower the longest output (--max-tokens; srl.max_completion_tokens for steps) or data.max_prompt_tokens, or count "
    "tokens with --tokenizer"
)
_HINTS = {
    401: f"set {KEY} to a key of this server",
    403: f"set {KEY} to a key of this server that may use the model",
    404: "--server should end where /chat/completions follows, mostly with /v1, and --server-model name a model of it",
}


def with_reasoning(message: Mapping[str, Any]) -> str:
    """The whole text of an assistant's message, reasoning that the server took out put back as a think block."""
    text = message.get("content") or ""
    reasoning = next((message[name] for name in REASONING if message.get(name)), "")
    if not reasoning or text.lstrip(WHITESPACE).startswith(OPEN):
        return str(text)
    return f"{OPEN}{reasoning}{CLOSE}\n{text}"


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait; None where it does not say, or gives a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _excerpt(response: httpx.Response) -> str:
    text = " ".join(response.text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
