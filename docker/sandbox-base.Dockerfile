# A base for the images of one's own repositories: what the tools over a sandbox need, and git and patch for patches.
#   docker build -f docker/sandbox-base.Dockerfile -t srl-agent/base .
# Where no registry is reached, docker/make-base-image makes the same from Debian's packages.
FROM debian:bookworm-slim

RUN apt-get update && apt-get install -y --no-install-recommends \
      bash ca-certificates git patch procps python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/* && ln -s python3 /usr/bin/python
ENV LC_ALL=C.UTF-8
WORKDIR /testbed
# A shell as the first process ignores TERM, and each `docker stop` would wait for ten seconds.
STOPSIGNAL SIGKILL
CMD ["bash"]
