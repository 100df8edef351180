# docker build -t shoal .        docker run --rm -v "$PWD/runs:/runs" shoal run /usr/share/shoal/configs/quickstart.json
FROM debian:12 AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      build-essential cmake ninja-build pkg-config libuv1-dev libssl-dev libsodium-dev liblmdb-dev \
      libcurl4-openssl-dev libcjson-dev libmicrohttpd-dev libboost-context-dev libgmp-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN cmake -G Ninja -S /src -B /build -DCMAKE_BUILD_TYPE=Release -DSHOAL_TESTS=OFF \
      -DCMAKE_INSTALL_PREFIX=/usr \
 && cmake --build /build && DESTDIR=/stage cmake --install /build

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
      ca-certificates libuv1 libssl3 libsodium23 liblmdb0 libcurl4 libcjson1 libmicrohttpd12 libgmp10 \
      zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --create-home --home-dir /runs --uid 10001 shoal
COPY --from=build /stage/usr /usr
USER shoal
WORKDIR /runs
ENTRYPOINT ["/usr/bin/shoal"]
CMD ["run", "/usr/share/shoal/configs/quickstart.json"]
