# syntax=docker/dockerfile:1
# One image for web, worker and beat; compose.yaml says which of them a container is.
#   docker build -t faceweb .                                          CPU
#   docker build -t faceweb:gpu --build-arg LOCK=requirements-gpu.lock .   NVIDIA GPU

FROM python:3.12-slim AS packages
ARG LOCK=requirements.lock
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY ${LOCK} /tmp/requirements.lock
# The lock names everything there is to install, with hashes; nothing is resolved here.
RUN /opt/venv/bin/pip install --no-deps --require-hashes --requirement /tmp/requirements.lock

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    ORT_DISABLE_TELEMETRY=1 \
    FACEWEB_DATA_DIR=/data
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin faceweb \
    && install -d -o faceweb -g faceweb /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
# The built-in networks lie in the image and are only read there.
RUN FACEWEB_DEBUG=true FACEWEB_DATA_DIR=/tmp/build FACEWEB_WEIGHTS_DIR=/app/models/weights \
    python manage.py models fetch && rm -rf /tmp/build
RUN python -m compileall -q faceweb swaps editing models
USER faceweb
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "uvicorn", "faceweb.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--ws", "websockets-sansio", "--ws-max-size", "4096", "--lifespan", "off", \
     "--no-proxy-headers", "--no-server-header", "--no-access-log", \
     "--timeout-graceful-shutdown", "20"]
