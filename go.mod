module github.com/sluice-gateway/sluice

go 1.26.0

require (
	github.com/alexedwards/argon2id v1.0.0 // hashes of passwords, in the encoding that everybody reads
	github.com/chromedp/cdproto v0.159.0 // tests: what a browser tells and is told
	github.com/chromedp/chromedp v0.23.0 // tests: driving Chromium without a driver of its own
	github.com/coreos/go-oidc/v3 v3.21.0 // sign-in through OpenID Connect: discovery, keys, ID tokens
	github.com/getkin/kin-openapi v0.153.0 // the OpenAPI document of the admin API, and tests against it
	github.com/go-chi/chi/v5 v5.5.0 // the router: patterns and middleware on net/http's own types
	github.com/go-json-experiment/json v1.27.2 // encoding/json/v2 before its release: a tokenizer that refuses duplicate names
	github.com/goccy/go-yaml v1.19.2 // YAML with line numbers in its errors
	github.com/hashicorp/golang-lru/v2 v2.0.7 // the order of least recent use, for the response cache and the throttle of sign-ins
	github.com/jackc/pgx/v5 v5.12.0 // PostgreSQL: its protocol, pool and a database/sql adapter
	github.com/openai/openai-go/v3 v3.96.0 // tests: OpenAI's own Go SDK as a client
	github.com/pkoukk/tiktoken-go v0.1.8 // the reference tokenizer, which counts are checked against
	github.com/pkoukk/tiktoken-go-loader v0.0.2 // its vocabularies without a download
	github.com/pressly/goose/v3 v3.29.0 // migrations in SQL, applied once and in order, on both engines
	github.com/prometheus/client_golang v1.25.0 // metrics in Prometheus' format
	github.com/rs/cors v1.11.1 // which pages may call: the preflight rules have many traps
	github.com/sashabaranov/go-openai v1.43.0 // OpenAI's types, and tests: a second client
	github.com/spf13/cobra v1.10.2 // subcommands, flags and help
	github.com/spf13/pflag v1.0.9 // cobra's flags, for reading them from the environment
	go.opentelemetry.io/otel v1.47.0 // attributes and codes of traces
	go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp v1.47.0 // metrics over OTLP and HTTP
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.47.0 // traces over OTLP and HTTP
	go.opentelemetry.io/otel/metric v1.47.0 // histograms in the GenAI conventions
	go.opentelemetry.io/otel/sdk v1.47.0 // what makes spans
	go.opentelemetry.io/otel/sdk/metric v1.47.0 // what collects measurements
	go.opentelemetry.io/otel/trace v1.47.0 // spans
	go.opentelemetry.io/proto/otlp v1.11.0 // tests: what a collector is sent
	go.uber.org/goleak v1.3.0 // tests: goroutines that stay behind
	golang.org/x/net v0.62.0 // netutil: a listener with a bound on its connections
	golang.org/x/oauth2 v0.38.0 // the code exchange of that sign-in, with PKCE
	google.golang.org/protobuf v1.36.12 // tests: reading it
	modernc.org/sqlite v1.62.0 // SQLite without cgo, so that the program stays one static file
	pgregory.net/rapid v1.3.0 // tests: properties and state machines, with shrinking
)


require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/coder/websocket v1.8.15 // indirect
	github.com/dlclark/regexp2 v1.11.0 // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.4 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/go-openapi/jsonpointer v1.0.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/mux v1.8.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.30.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	github.com/sethvargo/go-retry v0.5.0 // indirect
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.47.0 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v4 v4.0.0 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/sync v0.25.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20261005182115-fad411399dd8 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261005182115-fad411399dd8 // indirect
	google.golang.org/grpc v1.84.0 // indirect
	modernc.org/libc v1.80.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)
