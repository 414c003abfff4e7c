# The service in a container. compose.yaml shows how to run it; docs/operations.md says what has to be mounted, and why.
ARG PYTHON=docker.io/library/python:3.13-slim
FROM ${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY bot ./bot
# Which extras: all of them, or such as `sealing,objects`.
ARG EXTRAS=all
RUN python3 -m venv /opt/courier \
    && /opt/courier/bin/pip install --no-cache-dir -c constraints.txt ".[${EXTRAS}]"

FROM ${PYTHON}
LABEL org.opencontainers.image.title="SQLite Courier" \
      org.opencontainers.image.description="Proven hourly backups of live SQLite databases, delivered to Telegram." \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/courier /opt/courier
COPY --chmod=755 container/entrypoint.sh /usr/local/bin/entrypoint
ENV PATH=/opt/courier/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PUID=1000 PGID=1000
# What is its own: .env, backups/ and logs/. The databases are mounted beside it, by their folders.
WORKDIR /courier
STOPSIGNAL SIGTERM
# 1 also while it is paused, or while something is wrong: look at `sqlite-courier status`.
HEALTHCHECK --interval=5m --timeout=30s --start-period=2m CMD ["entrypoint", "status"]
ENTRYPOINT ["entrypoint"]
CMD ["run"]
