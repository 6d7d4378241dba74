# A model as a service: CPU, without PyTorch, from the packages of Debian and Python alone. docs/serve.md says how to use it.
FROM debian:12-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN python3 -m venv /opt/escalera \
    && /opt/escalera/bin/pip install --no-cache-dir --disable-pip-version-check '/src[serve]' \
    && /opt/escalera/bin/pip uninstall -y pip setuptools

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 990 --no-create-home escalera
COPY --from=build /opt/escalera /opt/escalera
ENV PATH=/opt/escalera/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER escalera
WORKDIR /models
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# Whoever reaches the port may ask: ESCALERA_AUTH=user:password has to be given, or --i-know.
ENTRYPOINT ["escalera", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["model.onnx"]
