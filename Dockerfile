# The gateway and what it needs to run, and nothing else: no pip, no compiler, no tests; a user of its own.
# `make image` builds it, on another base if asked to: make image PYTHON_IMAGE=python:...@sha256:...
ARG PYTHON_IMAGE=python:3.13.15-slim-trixie@sha256:881d80734ee05dca6f7f42dcb080975652a53c7eda9ba1f03bb8da31aa6a6ec2

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/gateway
# The lock changes seldom, and has a layer of its own. Only wheels: nothing is compiled, and no package runs code here.
COPY requirements.lock requirements-otel.lock ./
RUN pip --python /opt/gateway/bin/python install --no-cache-dir --disable-pip-version-check \
      --require-hashes --only-binary=:all: --requirement requirements.lock --requirement requirements-otel.lock
COPY pyproject.toml README.md ./
COPY gateway ./gateway
ARG REVISION=unknown
# The setuptools that builds the package is the locked one; what runs does not need it.
RUN printf "%s\n" "${REVISION}" > gateway/revision.txt \
 && pip --python /opt/gateway/bin/python install --no-cache-dir --disable-pip-version-check \
      --no-deps --no-build-isolation . \
 && pip --python /opt/gateway/bin/python uninstall --yes setuptools

FROM ${PYTHON_IMAGE}
# The base's own tools for installing are taken out of sight; the user is known by name to whoever looks.
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
 && useradd --uid 65532 --user-group --no-create-home --home-dir /var/lib/gateway --shell /usr/sbin/nologin gateway \
 && install --directory --owner 65532 --group 65532 --mode 0700 /var/lib/gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_CONFIG=/etc/gateway/config/gateway.yaml
WORKDIR /var/lib/gateway
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/opt/gateway/bin/gateway"]
CMD ["serve"]
ARG PYTHON_IMAGE
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="case-gateway" \
      org.opencontainers.image.description="One durable, paced API in front of Hub Property, ClaimShop and Oracle ECM" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"
