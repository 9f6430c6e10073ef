# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unversioned
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/gateway ./cmd/gateway
RUN mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/gateway /gateway
# The one directory that is written: database, spool, levels and the encryption key, at
# their default places in the working directory. A new named volume takes over its owner.
COPY --from=build --chown=65532:65532 /out/data /data
VOLUME /data
WORKDIR /data
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/gateway"]
# Without a configuration: the demo. The API is reachable from outside the container; the
# admin listener only once it has a token and an address of its own. A configuration
# names its listeners itself: serve --config /etc/sluice/sluice.yaml
CMD ["serve", "--listen", "0.0.0.0:8080"]
