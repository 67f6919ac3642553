# Two stages: the first installs wheels into a virtual environment, the second has that and the contest, and no pip of its own to use.
# Started as root, since a new volume belongs to root: the server makes its folder there and then is CONTEST_USER. No VOLUME and no init: the platform brings both.
FROM python:3.11-slim-bookworm AS wheels
WORKDIR /wheels
COPY requirements.txt ./
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --only-binary=:all: -r requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CONTEST_DATA=/data/contest \
    CONTEST_USER=10001 \
    CONTEST_PORT=8000 \
    CONTEST_METRICS_PORT=9091
WORKDIR /app
COPY --from=wheels /venv /venv
COPY contest.py demo.py ./
COPY views views/
COPY static static/
EXPOSE 8000 9091
STOPSIGNAL SIGTERM
CMD ["python", "contest.py", "serve"]
