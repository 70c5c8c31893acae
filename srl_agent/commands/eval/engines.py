"""What answers the prompts of an evaluation: a model on this machine, or one behind an OpenAI-compatible server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from srl_agent.answers import Answerer, Sampling
from srl_agent.chat_server import ChatServer, Server
from srl_agent.commands.data.settings import ESTIMATED, token_counter
from srl_agent.config import Config
from srl_agent.errors import ConfigError

CountTokens = Callable[[str], int]
Chosen = tuple[Config, CountTokens, Callable[[], Answerer], dict[str, str]]
"""The settled configuration, how tokens are counted, how to make what answers, and facts for terminal and summary."""


def choose_answerer(args: argparse.Namespace, config: Config, sampling: Sampling) -> Chosen:
    """By the options of `add_engine_options`. ConfigError for what cannot be."""
    return _server(args, config, sampling) if args.server else _local(args, config, sampling)


def _server(args: argparse.Namespace, config: Config, sampling: Sampling) -> Chosen:
    server = server_of(args, sampling)
    answerer = ChatServer(server)
    counted = f"by the tokenizer of {args.tokenizer}" if args.tokenizer else ESTIMATED
    return config, token_counter(args.tokenizer), lambda: answerer, server_facts(server) | {"prompt tokens": counted}


def server_of(args: argparse.Namespace, sampling: Sampling) -> Server:
    """The server that the options of `add_server` name. ConfigError for what cannot be."""
    if not args.server_model:
        raise ConfigError("--server: name the model with --server-model, as the server's GET /models lists it")
    for option, least in (("concurrency", 1), ("timeout", 0.001), ("retries", 0)):
        if getattr(args, option) < least:
            raise ConfigError(f"--{option}: expected {least} or more, found {getattr(args, option)}")
    request = {
        "temperature": sampling.temperature,
        "top_p": 1.0,
        "max_tokens": sampling.max_tokens,
        **_extra(args.server_extra),
    }
    return Server(args.server, args.server_model, request, args.concurrency, args.timeout, args.retries)


def server_facts(server: Server) -> dict[str, str]:
    """What terminal and summary say of a server."""
    return {"engine": f"server {server.url}", "model": server.model, "request": json.dumps(dict(server.request))}


def _extra(text: str) -> dict[str, Any]:
    try:
        extra = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--server-extra: expected a JSON object, found {text!r} ({error})") from error
    if not isinstance(extra, dict):
        raise ConfigError(f'--server-extra: expected a JSON object such as {{"top_k": -1}}, found {text!r}')
    return extra


def _local(args: argparse.Namespace, config: Config, sampling: Sampling) -> Chosen:
    given = [name for name in ("server_model", "tokenizer") if getattr(args, name)]
    if given:
        raise ConfigError(f"--{given[0].replace('_', '-')} goes with --server; a local model is --model.name")
    import torch

    from srl_agent.choices import check_lengths, choose_dtype, this_machine, usable_cores
    from srl_agent.commands.train import quieten_libraries
    from srl_agent.cpu import keep_freed_memory
    from srl_agent.local_answers import LocalModel
    from srl_agent.models import context_length, load_tokenizer

    quieten_libraries()
    keep_freed_memory()
    torch.set_num_threads(config.trainer.threads or usable_cores())
    machine = this_machine()
    dtype, why_dtype = choose_dtype(config, machine)
    model = config.model.model_copy(update={"dtype": dtype})
    config = config.model_copy(update={"model": model, "stages": ("srl",)})
    check_lengths(config, context_length(model.name))
    tokenizer = load_tokenizer(model.name)
    device = machine.device
    facts = {"engine": f"transformers on {device}, {dtype} ({why_dtype})", "model": model.name}
    return config, token_counter(model.name), lambda: LocalModel(model.name, dtype, tokenizer, device, sampling), facts
