package config

import "time"

// Config is a whole configuration, resolved and valid when it comes from Load,
// Parse or Demo.
type Config struct {
	Server  Server  `yaml:"server"`
	Logging Logging `yaml:"logging"`
	// TimeZone is where days and months begin for calendar limits. Default UTC.
	TimeZone *time.Location `yaml:"time_zone"`
	Tokens   Tokens         `yaml:"tokens"`
	// Providers are the upstream APIs, in the order of the file.
	Providers []Provider `yaml:"providers,keyed"`
	// Routes are the public model names, in the order of the file. At least one.
	Routes []Route `yaml:"routes,keyed"`
	// Owners are those whom client keys belong to, in the order of the file.
	Owners []Owner `yaml:"owners,keyed"`
	// ClientKeys are the keys of the file; others are made through the admin API.
	ClientKeys []ClientKey `yaml:"client_keys"`
	// Prices say what models cost, before what is known without a configuration.
	Prices   []Price  `yaml:"prices"`
	Shedding Shedding `yaml:"shedding"`
	Adaptive Adaptive `yaml:"adaptive"`
	Cache    Cache    `yaml:"cache"`
	Admin    Admin    `yaml:"admin"`
	Store    Store    `yaml:"store"`
	Budgets  Budgets  `yaml:"budgets"`
	// Telemetry is where traces go.
	Telemetry Telemetry `yaml:"telemetry"`
	// Alerts replace the shipped ones of the same name, and stand beside the others.
	Alerts []Alert `yaml:"alerts"`
	// Shadow decides, counts and logs everything, and enforces nothing: no limit and no
	// shedding keeps a call from being sent at once. Default false.
	Shadow bool `yaml:"shadow"`

	warnings Problems
	files    []string
	name     string // of the file
	marks    map[string]mark

	text *text // behind a pointer, so that nothing prints it
}

// text is what a configuration was read from.
type text struct {
	source     []byte
	root       *node
	secrets    []written          // that stand in the source
	references map[reference]bool // and where they stand
}

// Warnings are the things that are allowed and probably not meant: weak or
// expired keys, a model without limits, a section that does not act in this
// version. They are in the order of the file.
func (c *Config) Warnings() Problems { return c.warnings }

// Files are the paths that ${file:…} references named, in order of appearance and
// without repetition: what a reloader has to watch besides the file itself.
func (c *Config) Files() []string { return c.files }

// Provider finds a provider by name, nil if there is none.
func (c *Config) Provider(name string) *Provider {
	for i := range c.Providers {
		if c.Providers[i].Name == name {
			return &c.Providers[i]
		}
	}
	return nil
}

// Route finds a route by its public model name, nil if there is none.
func (c *Config) Route(name string) *Route {
	for i := range c.Routes {
		if c.Routes[i].Name == name {
			return &c.Routes[i]
		}
	}
	return nil
}

// Owner finds an owner by name, nil if there is none.
func (c *Config) Owner(name string) *Owner {
	for i := range c.Owners {
		if c.Owners[i].Name == name {
			return &c.Owners[i]
		}
	}
	return nil
}

// Logging is how the gateway writes its log.
type Logging struct {
	// Format is json or text. Default json.
	Format string `yaml:"format"`
	// Level is debug, info, warn or error. Default info.
	Level string `yaml:"level"`
}

// Tokens is how prompts are counted.
type Tokens struct {
	// Counter is fast, the gateway's own counter, or tiktoken, the reference
	// implementation. Both count the same; tiktoken is slower. Default fast.
	Counter string `yaml:"counter"`
}

// Price is what an upstream model costs. Amounts are nano-dollars per million tokens, in
// the file dollars; -1 is not told.
type Price struct {
	// Provider is a provider's name in this file. Default empty: every provider.
	Provider string `yaml:"provider"`
	// Model is the upstream model's name; a * at its end stands for any rest.
	Model string `yaml:"model"`
	// From is when the price begins to hold. Default zero: always.
	From time.Time `yaml:"from"`
	// Above: the price is for calls whose input is more than so many tokens. Default
	// zero: for every call.
	Above int64 `yaml:"above,count"`
	Input int64 `yaml:"input,usd"`
	// CachedInput and CacheWrite are what input costs that a prompt cache has served or
	// taken. Default: what input costs.
	CachedInput int64 `yaml:"cached_input,usd"`
	CacheWrite  int64 `yaml:"cache_write,usd"`
	Output      int64 `yaml:"output,usd"`
	// Request is what each call costs by itself, in nano-dollars. Default none.
	Request int64 `yaml:"request,usd"`
	// Image is what each picture of the prompt costs beside its tokens, in nano-dollars.
	// Default none.
	Image int64 `yaml:"image,usd"`
}

// Shedding is whom to refuse early when there is more work than room.
type Shedding struct {
	Thresholds Thresholds `yaml:"thresholds"`
	// MaxQueue bounds the calls that wait for upstream room. Default 1000. Zero:
	// nobody waits.
	MaxQueue int `yaml:"max_queue"`
	// MaxQueueBytes bounds the bytes of the bodies of the calls that wait, together.
	// Default 512 MiB. Zero: only server.max_body_memory bounds them.
	MaxQueueBytes int64 `yaml:"max_queue_bytes,size"`
	// LowWatermark is the share of MaxQueue to which a full queue must come down before
	// it counts as having room again, 0 to 1. Default 0.9.
	LowWatermark float64 `yaml:"low_watermark,ratio"`
	// WhenFull is what happens to a call that finds the queue full: reject it, or
	// drop_oldest, drop_newest, drop_random among those of its class and below.
	// Default reject.
	WhenFull string `yaml:"when_full"`
}

// Thresholds are the utilisations from 0 to 1 above which a class is shed. They
// do not fall from low to critical.
type Thresholds struct {
	Low      float64 `yaml:"low,ratio"`      // default 0.90
	Normal   float64 `yaml:"normal,ratio"`   // default 0.95
	High     float64 `yaml:"high,ratio"`     // default 0.98
	Critical float64 `yaml:"critical,ratio"` // default 1.00: never
}

// Adaptive is how the effective rate of an upstream limit follows refusals that
// the arithmetic does not explain. The preset fills every number not given.
type Adaptive struct {
	// Preset is conservative, balanced, aggressive or off. Default balanced.
	Preset string `yaml:"preset"`
	// Trigger is the number of unexplained 429s within Within that cause a cut.
	Trigger int `yaml:"trigger"`
	// Within is the time over which Trigger counts.
	Within time.Duration `yaml:"within"`
	// Factor multiplies the effective rate at a cut, 0 to 1.
	Factor float64 `yaml:"factor,ratio"`
	// Floor is the share of the configured limit below which no cut goes, 0 to 1.
	Floor float64 `yaml:"floor,ratio"`
	// Hold is how long a cut rate stays before it is restored.
	Hold time.Duration `yaml:"hold"`
	// Step is the share of the configured limit restored per StepEvery, 0 to 1.
	Step float64 `yaml:"step,ratio"`
	// StepEvery is the time between two steps.
	StepEvery time.Duration `yaml:"step_every"`
}

// Cache bounds the answers that are kept for repeated calls. Which are kept is each
// route's own.
type Cache struct {
	// Memory bounds all of them together, in bytes. Default 256 MiB. Zero: nothing is
	// kept, whatever the routes say.
	Memory int64 `yaml:"memory,size"`
	// MaxEntry bounds one answer, in bytes; a longer one is not kept. Default 1 MiB.
	MaxEntry int64 `yaml:"max_entry,size"`
}

// Telemetry is where traces go.
type Telemetry struct {
	// OTLPEndpoint is the collector's address, such as http://127.0.0.1:4318. Default
	// empty: nothing is traced.
	OTLPEndpoint string `yaml:"otlp_endpoint"`
	// OTLPHeaders are sent to the collector with every batch.
	OTLPHeaders []Header `yaml:"otlp_headers,keyed"`
	// Sample is the share of requests that are traced, 0 to 1. Default 1.
	Sample float64 `yaml:"sample,ratio"`
	// ServiceName is what traces call this program. Default sluice.
	ServiceName string `yaml:"service_name"`
}

// Header is a header and its value. In the file it is an entry of a mapping.
type Header struct {
	Name  string
	Value Secret
}
