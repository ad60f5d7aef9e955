FROM python:3.11-slim-bookworm AS packages
COPY deploy/requirements.lock /requirements.lock
RUN python -m venv --without-pip /opt/framegate \
    && pip --python /opt/framegate/bin/python install \
    --no-cache-dir --only-binary :all: --no-deps --require-hashes -r /requirements.lock
# What only the pods need.
RUN pip --python /opt/framegate/bin/python uninstall --yes \
    aiofastnet aiohappyeyeballs aiohttp aiosignal frozenlist multidict propcache yarl

FROM packages AS sbom
COPY deploy/sbom-requirements.lock /sbom-requirements.lock
RUN pip install --no-cache-dir --only-binary :all: --no-deps --require-hashes -r /sbom-requirements.lock
RUN cyclonedx-py environment --no-validate --output-reproducible --output-file /sbom.cdx.json /opt/framegate/bin/python

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 framegate \
    && useradd --system --uid 10001 --gid 10001 --no-create-home framegate
COPY --from=packages /opt/framegate /opt/framegate
WORKDIR /app
COPY --from=sbom /sbom.cdx.json sbom.cdx.json
COPY cli cli
COPY migrations migrations
COPY services/__init__.py services/__init__.py
COPY services/control_plane services/control_plane
COPY shared shared
ENV PATH=/opt/framegate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "cli.main"]
CMD ["control-plane", "--host", "0.0.0.0"]
