# A base for the images of one's own repositories: what the tools over a sandbox need, and git and patch for patches.
#   docker build -t srl-agent/base:bookworm - < docker/sandbox-base.Dockerfile
# Where no registry is reached, docker/make-base-image makes the same from Debian's packages: keep the two alike.
FROM debian:bookworm-slim

RUN apt-get update && apt-get install -y --no-install-recommends \
      bash ca-certificates git patch procps python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/* && ln -s python3 /usr/bin/python
# Debian's pip installs into the system only when told so; an image of one project needs no environment of its own.
ENV LC_ALL=C.UTF-8 PIP_BREAK_SYSTEM_PACKAGES=1
WORKDIR /testbed
# A shell as the first process ignores TERM, and each `docker stop` would wait for ten seconds.
STOPSIGNAL SIGKILL
CMD ["bash"]
