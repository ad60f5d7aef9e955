FROM python:3.11-slim-bookworm AS packages
COPY deploy/requirements.lock /requirements.lock
RUN python -m venv --without-pip /opt/framegate \
    && pip --python /opt/framegate/bin/python install \
    --no-cache-dir --only-binary :all: --no-deps --require-hashes -r /requirements.lock
# What only the control plane needs.
RUN pip --python /opt/framegate/bin/python uninstall --yes \
    alembic argon2-cffi argon2-cffi-bindings authlib fastapi mako psycopg psycopg-binary python-multipart \
    sqlalchemy sqlmodel starlette uvicorn

FROM packages AS sbom
COPY deploy/sbom-requirements.lock /sbom-requirements.lock
RUN pip install --no-cache-dir --only-binary :all: --no-deps --require-hashes -r /sbom-requirements.lock
RUN cyclonedx-py environment --no-validate --output-reproducible --output-file /sbom.cdx.json /opt/framegate/bin/python

FROM python:3.11-slim-bookworm AS core
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY deploy/build-requirements.lock /requirements.lock
RUN pip install --no-cache-dir --only-binary :all: --no-deps --require-hashes -r /requirements.lock
WORKDIR /app
COPY hatch_build.py hatch_build.py
COPY services/data_plane services/data_plane
RUN python -c "import hatch_build; hatch_build.compile_core()"

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 framegate \
    && useradd --system --uid 10001 --gid 10001 --no-create-home framegate \
    && install --directory --owner 10001 --group 10001 /var/lib/framegate
COPY --from=packages /opt/framegate /opt/framegate
WORKDIR /app
COPY --from=sbom /sbom.cdx.json sbom.cdx.json
COPY cli cli
COPY services/__init__.py services/__init__.py
COPY --from=core /app/services/data_plane services/data_plane
COPY shared shared
ENV PATH=/opt/framegate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
EXPOSE 9099 8099 9100
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9100/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "cli.main"]
CMD ["data-plane", "--host", "0.0.0.0"]
