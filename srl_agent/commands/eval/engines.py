"""What answers the prompts of an evaluation: a model on this machine, or one behind an OpenAI-compatible server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions, version
from typing import TYPE_CHECKING, Any

from srl_agent.answers import Answerer, Prompt, Sampling
from srl_agent.chat_server import ChatServer, Server
from srl_agent.commands.data.settings import ESTIMATED, token_counter
from srl_agent.config import Config
from srl_agent.errors import ConfigError

if TYPE_CHECKING:
    from srl_agent.local_answers import LocalModel
    from srl_agent.vllm_answers import VllmAnswers

CountTokens = Callable[[str], int]
LIBRARIES = {"transformers": ("torch", "transformers"), "vllm": ("torch", "transformers", "vllm")}
"""Packages that compute what an engine draws."""
Draws = Callable[[Sampling], Answerer]
"""Makes what answers, for one way of drawing after another; the weights are loaded once, when the first is made."""


@dataclass(frozen=True)
class Engine:
    """What will answer, before it is loaded."""

    config: Config
    """With what was left to `auto` settled."""
    count_tokens: CountTokens
    count_prompt: Callable[[Prompt], int]
    """Tokens of a prompt; without those of the chat template where a server has it."""
    facts: dict[str, str]
    """For terminal and summary."""
    open: Callable[[int], Draws]
    """`longest`, the tokens of the longest prompt with its output, to what answers."""
    positions: int = 0
    """Tokens that a prompt may have together with its output; 0 where a server knows, not we."""
    weights: str = ""
    """Tells a model's files from others that had the same name before; empty where they are not here."""
    made_with: Mapping[str, str] = field(default_factory=dict)
    """What decides outputs by rounding: versions and threads; a server does not tell."""


def choose_answerer(
    args: argparse.Namespace, config: Config, sampling: Sampling
) -> tuple[Engine, Callable[[], Answerer]]:
    """By the options of `add_asking`, and what loads it, for prompts within `data.max_prompt_tokens`.

    ConfigError for what cannot be.
    """
    engine = choose_engine(args, config)
    longest = config.data.max_prompt_tokens + sampling.max_tokens
    check_fits(engine, longest, "data.max_prompt_tokens + srl.max_completion_tokens")
    draws = engine.open(longest)
    return engine, lambda: draws(sampling)


def choose_engine(args: argparse.Namespace, config: Config) -> Engine:
    """By the options of `add_asking`. ConfigError for what cannot be."""
    return _server(args, config) if args.server else _local(args, config)


def check_fits(engine: Engine, longest: int, setting: str) -> None:
    """ConfigError where prompt and output go beyond what the model was built for; `setting` is what to lower."""
    if 0 < engine.positions < longest:
        raise ConfigError(
            f"{setting}: a prompt with its output may take {longest} tokens, and '{engine.facts['model']}' was built "
            f"for {engine.positions}; lower it, or take a model with a longer context"
        )


def _server(args: argparse.Namespace, config: Config) -> Engine:
    def draw(sampling: Sampling) -> Answerer:
        server = ChatServer(server_of(args, sampling))
        server.reach()
        return server

    ChatServer(server_of(args, Sampling(0.0, 1)))  # what cannot be is refused now
    counted = f"by the tokenizer of {args.tokenizer}" if args.tokenizer else ESTIMATED
    facts = {
        "engine": f"server {args.server}",
        "model": args.server_model,
        "request": json.dumps(_request(args)),
        "prompt tokens": counted,
    }
    count = token_counter(args.tokenizer)

    def count_prompt(prompt: Prompt) -> int:
        return sum(count(message.content) for message in prompt)

    return Engine(config, count, count_prompt, facts, lambda longest: draw)


def server_of(args: argparse.Namespace, sampling: Sampling) -> Server:
    """The server that the options of `add_server` name. ConfigError for what cannot be."""
    if not args.server_model:
        raise ConfigError("--server: name the model with --server-model, as the server's GET /models lists it")
    for option, least in (("concurrency", 1), ("timeout", 0.001), ("retries", 0)):
        if getattr(args, option) < least:
            raise ConfigError(f"--{option}: expected {least} or more, found {getattr(args, option)}")
    request = {"temperature": sampling.temperature, "max_tokens": sampling.max_tokens, **_request(args)}
    return Server(args.server, args.server_model, request, args.concurrency, args.timeout, args.retries)


def server_facts(server: Server) -> dict[str, str]:
    """What terminal and summary say of a server."""
    return {"engine": f"server {server.url}", "model": server.model, "request": json.dumps(dict(server.request))}


def _request(args: argparse.Namespace) -> dict[str, Any]:
    """What requests hold besides temperature and length, unless `--server-extra` sets those too."""
    return {"top_p": 1.0, **_extra(args.server_extra)}


def _extra(text: str) -> dict[str, Any]:
    try:
        extra = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--server-extra: expected a JSON object, found {text!r} ({error})") from error
    if not isinstance(extra, dict):
        raise ConfigError(f'--server-extra: expected a JSON object such as {{"top_k": -1}}, found {text!r}')
    return extra


def _local(args: argparse.Namespace, config: Config) -> Engine:
    given = [name for name in ("server_model", "tokenizer") if getattr(args, name)]
    if given:
        raise ConfigError(f"--{given[0].replace('_', '-')} goes with --server; a local model is --model.name")
    import torch

    from srl_agent.choices import choose_dtype, this_machine
    from srl_agent.commands.train import quieten_libraries
    from srl_agent.cores import choose_threads
    from srl_agent.cpu import keep_freed_memory
    from srl_agent.held_out import prompt_ids
    from srl_agent.models import context_length, load_tokenizer, weights_stamp

    quieten_libraries()
    keep_freed_memory()
    threads, said_threads = choose_threads(config.trainer.threads)
    torch.set_num_threads(threads)
    machine = this_machine()
    dtype, why_dtype = choose_dtype(config, machine)
    model = config.model.model_copy(update={"dtype": dtype})
    tokenizer = load_tokenizer(model.name)
    engine, why = choose_offline(config, machine.device)
    place = (model.name, dtype, tokenizer, machine.device)
    facts = {
        "engine": f"{engine} on {machine.device}, {dtype}",
        "because": f"{why}; {why_dtype.partition(';')[0]}",
        "threads": said_threads,
        "model": model.name,
    }
    return Engine(
        config.model_copy(update={"model": model}),
        token_counter(model.name),
        lambda prompt: len(prompt_ids(tokenizer, prompt)),
        facts,
        lambda longest: _LoadedOnce(lambda sampling: _load(engine, place, longest, sampling)),
        context_length(model.name),
        weights_stamp(model.name),
        {name: _version(name) for name in LIBRARIES[engine]} | {"threads": str(torch.get_num_threads())},
    )


def _load(engine: str, place: tuple[str, str, Any, str], longest: int, sampling: Sampling) -> LocalModel | VllmAnswers:
    """The weights; `place` is name, dtype, tokenizer and device."""
    if engine == "vllm":
        from srl_agent.vllm_answers import VllmAnswers

        return VllmAnswers(*place, longest, sampling)
    from srl_agent.local_answers import LocalModel

    return LocalModel(*place, sampling)


class _LoadedOnce:
    """Weights that are loaded for the first way of drawing, and serve the others."""

    def __init__(self, load: Callable[[Sampling], LocalModel | VllmAnswers]) -> None:
        self._load = load
        self._model: LocalModel | VllmAnswers | None = None

    def __call__(self, sampling: Sampling) -> Answerer:
        if self._model is None:
            self._model = self._load(sampling)
        return self._model.drawing(sampling)


def _version(module: str) -> str:
    """Of the distribution that the module came with: vLLM's CPU build is not called vllm."""
    return version(packages_distributions()[module][0])


def choose_offline(config: Config, device: str) -> tuple[str, str]:
    """What samples on this machine, and why. ConfigError where vLLM was asked for in vain."""
    from srl_agent.vllm_answers import why_not_vllm

    wanted = config.trainer.engine
    if wanted == "transformers":
        return wanted, "as configured"
    obstacle = why_not_vllm(config.model.name, device)
    if wanted == "vllm":
        if obstacle:
            raise ConfigError(f"trainer.engine: {obstacle}; or take transformers")
        return wanted, "as configured"
    if device == "cpu":
        return "transformers", "no accelerator here"
    return ("transformers", obstacle) if obstacle else ("vllm", "an accelerator and the package are present")
