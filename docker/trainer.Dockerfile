# The trainer with CUDA: srl-agent and vLLM on an NVIDIA machine.
#   docker build -f docker/trainer.Dockerfile -t srl-agent/trainer .
#   docker run --rm --gpus all --ipc host -v "$PWD":/work -v /var/run/docker.sock:/var/run/docker.sock \
#     srl-agent/trainer train --data /work/episodes.jsonl --output /work/run
# The socket gives the trainer sandboxes as its siblings, and with them root on the host: on a shared machine let
# DOCKER_HOST name an engine of its own instead. --ipc host: NCCL and data loaders need more than 64 MB of /dev/shm.
ARG CUDA=12.8.1
FROM nvidia/cuda:${CUDA}-devel-ubuntu24.04

ENV DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PIP_NO_CACHE_DIR=1 VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH
# gcc and the headers: Triton compiles its kernels at run time.
RUN apt-get update && apt-get install -y --no-install-recommends \
      bubblewrap ca-certificates gcc git libc6-dev patch python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/* && python3 -m venv /opt/venv

# The client alone: the docker backend runs `docker exec` against the engine whose socket is mounted.
COPY --from=docker:28-cli /usr/local/bin/docker /usr/local/bin/docker

# The dependencies are a layer of their own: a change of our code does not fetch gigabytes again.
WORKDIR /opt/srl-agent
COPY pyproject.toml README.md LICENSE ./
RUN mkdir -p srl_agent/commands/data srl_agent/rewards srl_agent/presets envs/demo math_track \
      trajectories/exports trajectories/formats trajectories/demo \
    && printf '__version__ = "0"\n' | tee srl_agent/__init__.py >/dev/null \
    && pip install '.[vllm]' && pip uninstall -y srl-agent
COPY . .
RUN pip install --no-deps . && srl-agent --version

WORKDIR /work
ENTRYPOINT ["srl-agent"]
CMD ["--help"]
