# octopool alone: one static binary, the certificates it checks GitHub with, and a folder
# for its data that is a user's who is nobody else. No shell, and nothing that writes
# outside the volume, so it runs with --read-only.
#
#     docker build -t octopool .
#     docker run --read-only -p 127.0.0.1:8080:8080 -v octopool:/var/lib/octopool \
#       -v ./octopool.toml:/etc/octopool/octopool.toml:ro octopool

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /octopool . \
    && mkdir -m 0700 /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /octopool /octopool
COPY --from=build --chown=65532:65532 /data /var/lib/octopool
USER 65532:65532
VOLUME /var/lib/octopool
EXPOSE 8080 9090
# Asks the admin listener that the configuration names, with its token. Kubernetes does not
# use it: it has probes.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/octopool", "status", "--config", "/etc/octopool/octopool.toml"]
ENTRYPOINT ["/octopool"]
CMD ["serve", "--config", "/etc/octopool/octopool.toml"]
