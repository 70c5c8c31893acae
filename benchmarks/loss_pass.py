"""The tree pass against TRL's own on the same step rows: time, memory, and how far the two agree.

Each method runs in a process of its own (`--method`), which the parent starts one after the other, so that peaks of
memory are its own; `--rounds` of them in turn, and the medians are compared. Full context: the prompts of one episode
are nested. Windowed: each shares the beginning (system prompt, task) and has a window of its own. TRL is run as it is
(`stock`) and with its head on the scored positions only, as it does on CUDA (`fair`). `alone` is its plain stand-in
where TRL is not installed: one batch of G rows a step, head on scored positions. Beside them stands a count of FLOPs:
2 x parameters x tokens for the layers, the attention's products, and the head, forward and backward (x3); recomputation
counts as time, not as work. Needs torch and transformers only, unless TRL's methods or a named model are asked for:

    python benchmarks/loss_pass.py --device cuda --shape qwen2-7b --trunk 8192 --steps 16 --outputs 8 --length 300 \\
        --dtype bfloat16 --methods alone mask-recompute merge-recompute backward --rounds 3 --peak 989
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config

from srl_agent.models import resolve_model
from srl_agent.testing import norms_in_double
from srl_agent.tree_pass import grow, tree_backward, tree_logps
from trajectories.demo import EPISODES

METHODS = (
    "stock", "fair", "alone", "alone-recompute", "step", "mask", "mask-recompute", "merge", "merge-recompute",
    "backward", "backward-recompute",
)  # fmt: skip
"""`step` computes each step's prompt once (no trunk shared among steps), `mask` and `merge` one trunk for all (named
after the attention of the branches), `backward` merges and goes backward row by row. Full context only."""
SHAPES: dict[str, dict[str, Any]] = {
    # Qwen/Qwen2.5-7B-Instruct's config.json; weights are random.
    "qwen2-7b": {
        "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
        "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 32768, "rope_theta": 1e6,
    },
    "tiny": {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 1000, "max_position_embeddings": 32768,
    },
}  # fmt: skip


def main() -> None:
    """Run every method of a case, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=METHODS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--shape", choices=SHAPES, help="a random model of this shape instead of --model")
    parser.add_argument("--peak", type=float, default=0.0, help="TFLOP/s of the device, for the share reached of it")
    parser.add_argument("--layers", type=int, default=0, help="only the first N layers; 0 for all")
    parser.add_argument("--context", choices=("full", "window"), default="full")
    parser.add_argument("--trunk", type=int, default=1000, help="tokens of the longest prompt")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--outputs", type=int, default=4, help="G")
    parser.add_argument("--length", type=int, default=24, help="tokens of an output")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64", "bfloat16"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.method:
        measure(args)
    else:
        compare(args)


def load(args: argparse.Namespace) -> Any:
    """The model in its precision, on its device."""
    dtype = getattr(torch, args.dtype)
    if args.shape:
        torch.manual_seed(0)
        shape = SHAPES[args.shape] | ({"num_hidden_layers": args.layers} if args.layers else {})
        with torch.device(args.device):
            model = AutoModelForCausalLM.from_config(Qwen2Config(**shape), dtype=dtype)
    else:
        model = AutoModelForCausalLM.from_pretrained(resolve_model(args.model), dtype=dtype)
        if args.layers:
            model.model.layers = model.model.layers[: args.layers]
            model.config.num_hidden_layers = args.layers
    if args.dtype == "float64":
        norms_in_double(model)
    return model.to(args.device).train()


def stream(args: argparse.Namespace) -> list[int]:
    """Token ids: of the bundled episodes' text, random for a random model."""
    if args.shape:
        size, count = SHAPES[args.shape]["vocab_size"], args.trunk * (args.steps + 2) + 100_000
        drawn: list[int] = torch.randint(0, size, (count,), generator=torch.Generator().manual_seed(0)).tolist()
        return drawn
    tokenizer = AutoTokenizer.from_pretrained(resolve_model(args.model))
    text: list[int] = tokenizer(EPISODES.read_text(encoding="utf-8")[:400_000], verbose=False)["input_ids"]
    return [token for _ in range(1 + 40 * args.trunk * args.steps // len(text)) for token in text]


def rows(args: argparse.Namespace) -> tuple[list[torch.Tensor], list[list[torch.Tensor]]]:
    """Prompts and outputs, cut one after the other from the stream."""
    tokens = iter(stream(args))

    def draw(count: int) -> torch.Tensor:
        return torch.tensor([next(tokens) for _ in range(count)])

    first = args.trunk // 3
    grown = [first + (args.trunk - first) * k // max(args.steps - 1, 1) for k in range(args.steps)]
    trunk = draw(args.trunk)
    if args.context == "full":
        prompts = [trunk[:length] for length in grown]
    else:
        prompts = [torch.cat([trunk[:first], draw(args.trunk // 6)]) for _ in grown]
    return prompts, [[draw(args.length) for _ in range(args.outputs)] for _ in prompts]


def measure(args: argparse.Namespace) -> None:
    """One method, one process: log-probabilities and gradient of a weighted sum of them to --out, figures to stdout."""
    if args.threads:
        torch.set_num_threads(args.threads)
    model = load(args)
    prompts, outputs = rows(args)
    prompts = [prompt.to(args.device) for prompt in prompts]
    outputs = [[output.to(args.device) for output in group] for group in outputs]
    weights = torch.randn(args.steps, args.outputs, args.length, generator=torch.Generator().manual_seed(1))
    weights = weights.to(args.device, torch.float64)
    run = RUNS[args.method.removesuffix("-recompute")]
    base, start, cpu = memory(args), time.perf_counter(), time.process_time()
    logps = run(args, model, prompts, outputs, weights)
    if args.device == "cuda":
        torch.cuda.synchronize()
    figures = {
        "wall": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "memory": memory(args) - base,
        "flops": flops(args, model, prompts),
    }
    # Of a large model one weight in a hundred is compared.
    apart = 100 if args.shape == "qwen2-7b" else 1
    gradient = torch.cat([p.grad.flatten()[::apart].cpu() for p in model.parameters() if p.grad is not None])
    torch.save({"logps": logps.detach().cpu(), "gradient": gradient}, args.out)
    print(json.dumps(figures))


def memory(args: argparse.Namespace) -> float:
    """Peak so far, bytes."""
    if args.device == "cuda":
        return float(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def plain(args: argparse.Namespace, model: Any, prompts: Any, outputs: Any, weights: Any) -> torch.Tensor:
    """TRL 1.16's pass, a batch of G padded rows a step, backward after each."""
    trainer = trl_trainer(model, args)
    found = []
    for prompt, group, weight in zip(prompts, outputs, weights, strict=True):
        ids = torch.stack([torch.cat([prompt, output]) for output in group])
        logps = trainer._get_per_token_logps_and_entropies(
            model, ids, torch.ones_like(ids), args.length, compute_entropy=True
        )[0]
        (logps * weight).sum().backward()
        found.append(logps.detach())
    return torch.stack(found)


def fair(args: argparse.Namespace, model: Any, prompts: Any, outputs: Any, weights: Any) -> torch.Tensor:
    """The same with the head on scored positions only, which TRL does where Triton is."""
    import trl.trainer.utils

    trl.trainer.utils._use_triton = lambda device: True
    return plain(args, model, prompts, outputs, weights)


def trl_trainer(model: Any, args: argparse.Namespace) -> Any:
    """A stock GRPOTrainer around the model."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    settings = GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=args.device == "cpu",
        bf16=False,
        per_device_train_batch_size=args.outputs,
        num_generations=args.outputs,
        report_to="none",
        temperature=1.0,
    )
    tokenizer = AutoTokenizer.from_pretrained(resolve_model(args.model))
    data = Dataset.from_list([{"prompt": "x"}])
    return GRPOTrainer(model, lambda **_: [0.0], args=settings, train_dataset=data, processing_class=tokenizer)


def by_step(args: argparse.Namespace, model: Any, prompts: Any, outputs: Any, weights: Any) -> torch.Tensor:
    """Each step a tree of its own, backward after each."""
    found = []
    for prompt, group, weight in zip(prompts, outputs, weights, strict=True):
        logps = torch.stack(tree_logps(model, grow([prompt], [group]))[0][0])
        (logps * weight).sum().backward()
        found.append(logps.detach())
    return torch.stack(found)


def alone(args: argparse.Namespace, model: Any, prompts: Any, outputs: Any, weights: Any) -> torch.Tensor:
    """A batch of G rows a step with transformers alone, the head on scored positions, backward after each."""
    if args.method == "alone-recompute":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    found = []
    for prompt, group, weight in zip(prompts, outputs, weights, strict=True):
        ids = torch.stack([torch.cat([prompt, output]) for output in group])
        logits = model(ids, use_cache=False, logits_to_keep=args.length + 1).logits[:, :-1]
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        logps = torch.log_softmax(logits, -1).gather(-1, ids[:, -args.length :, None])[..., 0]
        (logps * weight).sum().backward()
        found.append(logps.detach())
    return torch.stack(found)


def by_tree(args: argparse.Namespace, model: Any, prompts: Any, outputs: Any, weights: Any) -> torch.Tensor:
    """All steps in one tree, one backward."""
    attention, _, recompute = args.method.partition("-")
    groups = tree_logps(model, grow(prompts, outputs), attention=attention, recompute=bool(recompute))[0]
    logps = torch.stack([torch.stack(group) for group in groups])
    (logps * weights).sum().backward()
    return logps.detach()


def by_row(args: argparse.Namespace, model: Any, prompts: Any, outputs: Any, weights: Any) -> torch.Tensor:
    """All steps in one tree, backward row by row and through the trunk last."""
    trunk, points, recompute = max(prompts, key=len), list(map(len, prompts)), args.method != "backward"
    groups = tree_backward(model, trunk, points, outputs, weights, attention="merge", recompute=recompute)[0]
    return torch.stack([torch.stack(group) for group in groups])


RUNS = {
    "stock": plain, "fair": fair, "alone": alone, "step": by_step, "mask": by_tree, "merge": by_tree,
    "backward": by_row,
}  # fmt: skip


def flops(args: argparse.Namespace, model: Any, prompts: Any) -> float:
    """Forward and backward (twice a forward)."""
    body = sum(p.numel() for p in model.model.layers.parameters())
    width, layers = model.config.hidden_size, len(model.model.layers)
    scored = args.steps * args.outputs * args.length
    if args.method.startswith(("stock", "fair", "alone")):
        lengths = [len(prompt) + args.length for prompt in prompts for _ in range(args.outputs)]
        tokens, attended = sum(lengths), sum(length**2 / 2 for length in lengths)
        headed = tokens if args.method == "stock" else scored
    else:
        trees = (
            [grow([prompt], [[]]) for prompt in prompts]
            if args.method == "step"
            else [grow(prompts, [[]] * args.steps)]
        )
        tokens = sum(tree.tokens for tree in trees) + scored
        attended = sum(len(tree.trunk) ** 2 / 2 for tree in trees)
        attended += sum(args.outputs * args.length * len(prompt) for prompt in prompts)
        headed = scored
    head = model.config.vocab_size * width
    total = 2 * body * tokens + 4 * width * layers * attended + 2 * head * headed
    return float(total * 3)


def compare(args: argparse.Namespace) -> None:
    """Each method in a process of its own, in turn; medians, ratios to `fair`, and the differences to `stock`."""
    figures: dict[str, list[dict[str, float]]] = {method: [] for method in args.methods}
    saved: dict[str, dict[str, torch.Tensor]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for method in args.methods:
                out = Path(folder) / f"{method}.pt"
                words = [sys.executable, __file__, *sys.argv[1:], "--method", method, "--out", str(out)]
                done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
                figures[method].append(json.loads(done.stdout.strip().splitlines()[-1]))
                saved[method] = torch.load(out)
    medians = {m: {k: statistics.median(f[k] for f in fs) for k in fs[0]} for m, fs in figures.items()}
    reference, unit = saved[args.methods[0]], medians.get("fair", medians[args.methods[0]])
    print(
        f"{args.shape or args.model}, {args.context} context, {args.steps} steps, G {args.outputs}, "
        f"trunk {args.trunk}, outputs of {args.length}, {args.dtype} on {args.device}, medians of {args.rounds}"
    )
    print(
        "method               wall s   CPU s    x fair   memory MB   TFLOP   GFLOP/s  of peak   max |dlogp|"
        "   gradient, relative"
    )
    for method, row in medians.items():
        logps = (saved[method]["logps"] - reference["logps"]).abs().max().item()
        apart = (saved[method]["gradient"] - reference["gradient"]).norm() / reference["gradient"].norm()
        print(
            f"{method:<19} {row['wall']:>7.2f} {row['cpu']:>7.2f} {unit['wall'] / row['wall']:>9.2f} "
            f"{row['memory'] / 1e6:>11.0f} {row['flops'] / 1e12:>7.2f} {row['flops'] / row['wall'] / 1e9:>9.1f} "
            f"{row['flops'] / row['wall'] / args.peak / 1e12 if args.peak else float('nan'):>8.1%} "
            f"{logps:>13.1e} {apart.item():>20.1e}"
        )


if __name__ == "__main__":
    main()
