# The chat application, for BuildKit and for the legacy builder.
#   docker build -t amica-stack . && docker run -p 8080:8080 amica-stack
# Debian's images of Python serve as base, as does any other image with python3 (3.11 to 3.13), venv and useradd.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
# Byte-code that is checked against nothing stays valid when file times change; without byte-code a start takes
# three times as long.
ENV UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
COPY requirements/bootstrap.lock /src/
RUN python3 -m venv /opt/uv \
 && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /src/bootstrap.lock
COPY app/requirements.lock app/build.lock /src/
# Only what exists as source alone is built. Source maps are for debugging the page.
RUN /opt/uv/bin/uv venv --quiet --python python3 /opt/venv \
 && /opt/uv/bin/uv pip install --quiet --python /opt/venv/bin/python --require-hashes --no-deps \
    --only-binary :all: --no-binary cuid --no-binary literalai --no-binary syncer \
    --build-constraints /src/build.lock -r /src/requirements.lock \
 && find /opt/venv \( -name '*.js.map' -o -name .lock \) -delete
COPY app/ /app/
# Chainlit makes this folder when it is imported, which on a read-only file system works only if it is there.
RUN mkdir /app/.files \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE}
# The official images of Python come without the byte-code of the standard library.
RUN groupadd --gid 10001 app \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \
 && python3 -m compileall -q --invalidation-mode unchecked-hash -x '/(test|idlelib|tkinter|turtledemo|(site|dist)-packages)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp HOST=0.0.0.0 PORT=8080
WORKDIR /app
USER 10001:10001
# The one folder that is written to. As a volume it keeps its mode where the root is read-only.
VOLUME ["/tmp"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=2 CMD ["python", "-S", "-E", "/app/probe.py"]
CMD ["python", "serve.py"]
# At the end, so that a new revision of the same content shares every layer.
ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=https://github.com/amica-stack/amica.stack
ENV APP_VERSION=${VERSION}
LABEL org.opencontainers.image.title="amica-stack" \
      org.opencontainers.image.description="The chat application of amica.stack" \
      org.opencontainers.image.licenses="GPL-3.0-or-later" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
