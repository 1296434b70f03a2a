# A worker with its GPU libraries. From the root of the checkout:
#
#     docker build -f docker/worker.Dockerfile -t captchafleet-worker .
#
# The base is plain Python, not nvidia/cuda: the torch wheels bring CUDA, cuDNN and NCCL themselves, and a CUDA
# base would carry them a second time. The host brings the driver (NVIDIA container toolkit).
# Python 3.11 on Debian 12 is what the tests run on.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/captchafleet
ENV PATH=/opt/captchafleet/bin:$PATH
# 5.5 GB of dependencies come first, in a layer that a change of our own code does not build again.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        print(*project['dependencies'], *project['optional-dependencies']['worker'], sep='\n')" > requirements.txt \
    && pip install -r requirements.txt -c constraints.txt
COPY LICENSE README.md ./
COPY model_zoo model_zoo
COPY producer producer
COPY worker worker
RUN pip install --no-deps -c constraints.txt .

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home captchafleet
COPY --from=build /opt/captchafleet /opt/captchafleet
COPY docker/worker_health.py /opt/captchafleet/
ENV PATH=/opt/captchafleet/bin:$PATH PYTHONUNBUFFERED=1 NVIDIA_DRIVER_CAPABILITIES=compute,utility
# By number, so that the host and Kubernetes (runAsNonRoot) can tell that it is not root.
USER 10001:10001
WORKDIR /home/captchafleet
# TERM lets the worker finish the batch in hand; whoever stops it should wait that long (compose.yaml: 2 minutes).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=20s --start-period=120s --retries=3 \
    CMD ["python", "/opt/captchafleet/worker_health.py"]
ENTRYPOINT ["worker", "start"]
