# Image for the consumer, the API and all other commands. It contains the installed wheel without the sources. The target
# `backup` adds the database's client programs, which `liuyan store backup` and `liuyan store restore` need.
#
#   docker build --target liuyan -t liuyan .
#   docker build --target backup -t liuyan-backup .
#
# PyTorch is not part of the image, because only `liuyan model train` needs it.

# The image that is not slim has a C compiler, for the wheel's compiled code.
FROM python:3.11.14-bookworm AS build

WORKDIR /build

COPY requirements-uv.txt constraints.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-uv.txt \
    && uv venv /opt/liuyan \
    && uv pip install --no-cache --system --constraint constraints.txt hatchling

COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY liuyan liuyan
COPY consumer consumer
COPY store store
COPY api api
COPY model model
COPY registry registry
COPY migrations migrations
COPY local_stack local_stack
RUN python -m hatchling build -t wheel \
    && test -e model/native/gru.so \
    && uv pip install --no-cache --python /opt/liuyan --compile-bytecode --constraint constraints.txt dist/liuyan-*.whl


FROM python:3.11.14-slim-bookworm AS liuyan

COPY --from=build /opt/liuyan /opt/liuyan
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin liuyan

# Consumer and API use the same port for health and metrics, so that the health check below works for both. The user has
# no home folder, so the cache of models is in /tmp.
ENV PATH=/opt/liuyan/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LIUYAN_LOG_FORMAT=json \
    LIUYAN_CACHE_DIR=/tmp/liuyan \
    LIUYAN_CONSUMER_ADDRESS=0.0.0.0:9100 \
    LIUYAN_API_ADDRESS=0.0.0.0:9100

USER 10001
WORKDIR /tmp
EXPOSE 8000 9100

# Check liveness, not readiness: a container must not be restarted because its database is unavailable.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9100/livez', timeout=4)"]

ENTRYPOINT ["liuyan"]
CMD ["consumer", "run"]


FROM liuyan AS backup

# Created here, so that the volume that is mounted on it belongs to the user.
USER 0
RUN apt-get update \
    && apt-get install --yes --no-install-recommends "mariadb-client=1:10.11.*" \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=10001 --mode=700 /backups
USER 10001

HEALTHCHECK NONE
CMD ["store", "--help"]
