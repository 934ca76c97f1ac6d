# docker build -t callboard .   (--build-arg DEBIAN=bookworm for Debian 12). docker-compose.yml runs three of it.
ARG DEBIAN=trixie

FROM debian:${DEBIAN}-slim AS build
COPY scripts/install-packages scripts/packages /src/scripts/
RUN /src/scripts/install-packages $(cat /src/scripts/packages)
COPY . /src
RUN cmake --preset release -S /src -B /build -DBUILD_TESTING=OFF \
 && ninja -C /build callboard && install -s /build/callboard /usr/local/bin/
# The packages that hold the libraries it links to: their names differ between the releases.
RUN ldd /usr/local/bin/callboard | awk '/=> \// { print "*/" $1 }' | xargs dpkg -S | cut -d: -f1 | sort -u >/runtime-packages

FROM debian:${DEBIAN}-slim
COPY --from=build /src/scripts/install-packages /runtime-packages /tmp/
# The volumes take over the owner of these directories, so nothing needs root when it starts.
RUN /tmp/install-packages $(cat /tmp/runtime-packages) && rm -rf /var/lib/apt/lists/* /tmp/* \
 && useradd --system --uid 999 --user-group --no-create-home --home-dir /data callboard \
 && install -d -m 700 -o callboard -g callboard /data /secret
COPY scripts/container-entry /usr/local/bin/
COPY --from=build /usr/local/bin/callboard /usr/local/bin/
USER callboard
VOLUME /data
ENV CALLBOARD_DATA=/data CALLBOARD_HTTP=0.0.0.0:2113 CALLBOARD_BARCO=off CALLBOARD_CLUSTER=0.0.0.0:2114
EXPOSE 2113 2114 9250-9254
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=2s --timeout=3s --start-period=30s --retries=3 CMD ["callboard", "health"]
ENTRYPOINT ["container-entry"]
CMD ["serve"]
