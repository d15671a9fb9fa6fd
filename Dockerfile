# docker build -t nnlint . && docker run --rm -v "$PWD":/code:ro nnlint
FROM python:3.13-slim AS build
COPY . /src
RUN pip wheel --no-deps --wheel-dir /wheels /src

FROM python:3.13-slim
RUN --mount=from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl \
    && useradd --create-home nnlint
USER nnlint
WORKDIR /code
ENTRYPOINT ["nnlint"]
CMD ["--no-cache"]
