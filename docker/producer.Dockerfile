# The producer alone: the base install, without torch. From the root of the checkout:
#
#     docker build -f docker/producer.Dockerfile -t captchafleet-producer .
#
# It has no worker, so it always needs a broker: --broker or CAPTCHAFLEET_BROKER.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/captchafleet
ENV PATH=/opt/captchafleet/bin:$PATH
COPY pyproject.toml constraints.txt LICENSE README.md ./
COPY model_zoo model_zoo
COPY producer producer
COPY worker worker
RUN pip install -c constraints.txt .

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home captchafleet
COPY --from=build /opt/captchafleet /opt/captchafleet
ENV PATH=/opt/captchafleet/bin:$PATH PYTHONUNBUFFERED=1
# By number, so that the host and Kubernetes (runAsNonRoot) can tell that it is not root.
USER 10001:10001
WORKDIR /home/captchafleet
# INT is Ctrl-C: the producer closes its run folder, and `producer resume` goes on from there.
STOPSIGNAL SIGINT
ENTRYPOINT ["producer"]
