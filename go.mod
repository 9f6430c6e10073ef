module github.com/sluice-gateway/sluice

go 1.26.0

require (
	github.com/go-chi/chi/v5 v5.5.0 // the router: patterns and middleware on net/http's own types
	github.com/go-json-experiment/json v1.27.2 // encoding/json/v2 before its release: a tokenizer that refuses duplicate names
	github.com/goccy/go-yaml v1.19.2 // YAML with line numbers in its errors
	github.com/openai/openai-go/v3 v3.96.0 // tests: OpenAI's own Go SDK as a client
	github.com/pkoukk/tiktoken-go v0.1.8 // the reference tokenizer, which counts are checked against
	github.com/pkoukk/tiktoken-go-loader v0.0.2 // its vocabularies without a download
	github.com/prometheus/client_golang v1.25.0 // metrics in Prometheus' format
	github.com/sashabaranov/go-openai v1.43.0 // OpenAI's types, and tests: a second client
	github.com/spf13/cobra v1.10.2 // subcommands, flags and help
	github.com/spf13/pflag v1.0.9 // cobra's flags, for reading them from the environment
	go.uber.org/goleak v1.3.0 // tests: goroutines that stay behind
	pgregory.net/rapid v1.3.0 // tests: properties and state machines, with shrinking
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/coder/websocket v1.8.15 // indirect
	github.com/dlclark/regexp2 v1.10.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	golang.org/x/sys v0.48.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
