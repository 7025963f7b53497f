# Three images from one file: `docker build --target web|worker|worker-gpu .`
# Dependencies come first, from the locks: a change of the code rebuilds the last layers only.

# For builds that give the same image every time, name the image with its digest, which `docker
# buildx imagetools inspect python:3.12-slim` prints:
# `--build-arg PYTHON_IMAGE=python:3.12-slim@sha256:...`
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /srv/statecast
RUN useradd --system --uid 10001 --home-dir /srv/statecast statecast \
    && install -d -o statecast -g statecast -m 0700 var
COPY locks/web.txt locks/web.txt
RUN pip install --require-hashes -r locks/web.txt

# The package, built with the one tool of `locks/build.txt` and nothing from the network.
FROM base AS build
COPY locks/build.txt locks/build.txt
RUN pip install --require-hashes -r locks/build.txt
COPY pyproject.toml README.md ./
COPY models models
COPY migrations migrations
COPY app app
RUN pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels .

FROM base AS web
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-deps --no-index /wheels/*.whl
USER statecast
VOLUME /srv/statecast/var
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["statecast", "web", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS worker
COPY locks/worker.txt locks/worker.txt
RUN pip install --require-hashes -r locks/worker.txt
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-deps --no-index /wheels/*.whl
USER statecast
VOLUME /srv/statecast/var
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s CMD ["statecast", "health"]
CMD ["statecast", "worker"]

FROM base AS worker-gpu
COPY locks/worker-gpu.txt locks/worker-gpu.txt
RUN pip install --require-hashes -r locks/worker-gpu.txt
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-deps --no-index /wheels/*.whl
USER statecast
VOLUME /srv/statecast/var
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s CMD ["statecast", "health"]
CMD ["statecast", "worker"]
