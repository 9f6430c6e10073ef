package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// validator looks at a decoded configuration. It is pure: what it says depends on
// the data alone.
type validator struct {
	c        *Config
	broken   map[string]bool
	problems Problems
	warnings Problems
}

// problem reports what is wrong at a path, unless decoding already did.
func (v *validator) problem(path, format string, args ...any) {
	if !v.broken[path] {
		v.problems = append(v.problems, v.at(path, fmt.Sprintf(format, args...)))
	}
}

func (v *validator) warn(path, format string, args ...any) {
	v.warnings = append(v.warnings, v.at(path, fmt.Sprintf(format, args...)))
}

// at gives a message the place of its path, or of the nearest value around it; what
// misses at the top has no place.
func (v *validator) at(path, message string) Problem {
	p := Problem{Path: path, Message: message}
	for ; path != ""; path = parent(path) {
		if m, ok := v.c.marks[path]; ok {
			p.Line, p.Column = m.line, m.column
			break
		}
	}
	return p
}

// given says that the file has a value at a path.
func (v *validator) given(path string) bool {
	_, ok := v.c.marks[path]
	return ok
}

// word checks that a text is one of several.
func (v *validator) word(path, text string, known ...string) bool {
	if wrong := oneOf(text, known...); wrong != "" {
		v.problem(path, "%s %s", quote(text), wrong)
		return false
	}
	return true
}

// positive checks durations of which zero has no meaning.
func (v *validator) positive(path string, d, most time.Duration) {
	switch {
	case d <= 0:
		v.problem(path, "must be above zero")
	case d > most:
		v.problem(path, "must be at most %s", span(most))
	}
}

func (v *validator) config() {
	v.server()
	c := v.c
	v.word("logging.format", c.Logging.Format, "json", "text")
	v.word("logging.level", c.Logging.Level, "debug", "info", "warn", "error")
	v.word("tokens.counter", c.Tokens.Counter, "fast", "tiktoken")
	v.providers()
	v.routes()
	v.owners()
	v.clientKeys()
	v.shedding()
	v.adaptive()
	v.prices()
	v.cache()
	v.admin()
	v.store()
	v.budgets()
	v.telemetry()
	v.alerts()
}

func (v *validator) server() {
	s := &v.c.Server
	listeners := []struct{ path, address string }{
		{"server.listen", s.Listen}, {"server.admin_listen", s.AdminListen}, {"server.metrics_listen", s.MetricsListen},
	}
	for i, l := range listeners {
		if l.path == "server.metrics_listen" && l.address == "" || !v.address(l.path, l.address) {
			continue
		}
		for _, other := range listeners[:i] {
			if overlap(l.address, other.address) {
				v.problem(l.path, "%s is taken by %s", quote(l.address), other.path)
			}
		}
	}
	if s.AdminToken == "" && v.given("server.admin_token") && !v.broken["server.admin_token"] {
		v.problem("server.admin_token", "is empty; leave it out to have one made at start")
	} else if s.AdminToken == "" && !loopback(s.AdminListen) {
		v.warn("server.admin_listen", "%s is reachable from other machines: without server.admin_token the gateway starts only where an account or a token of the role admin is stored", quote(s.AdminListen))
	}
	v.secret("server.admin_token", s.AdminToken, 16)
	if s.MaxBody < 1<<10 || s.MaxBody > 1<<30 {
		v.problem("server.max_body", "must be between 1KiB and 1GiB")
	}
	if s.MaxBodyMemory != 0 && s.MaxBodyMemory < s.MaxBody {
		v.problem("server.max_body_memory", "must not be below max_body")
	}
	if s.HeapLimit < 0 || s.HeapLimit > 1 {
		v.problem("server.heap_limit", "must be between 0 and 1")
	}
	if s.Trails > 1_000_000 {
		v.problem("server.trails", "must be at most 1000000")
	}
	if s.DrainTimeout > time.Hour {
		v.problem("server.drain_timeout", "must be at most 1h")
	}
	v.positive("server.write_timeout", s.WriteTimeout, time.Hour)
	v.certificate("server.tls", s.TLS)
	v.certificate("server.admin_tls", s.AdminTLS)
	v.origins("server.cors.origins", s.CORS.Origins)
	for i, p := range s.TrustedProxies {
		if p.Bits() == 0 {
			v.warn(fmt.Sprintf("server.trusted_proxies[%d]", i), "everybody is trusted to say which address they come from")
		}
	}
}

// address checks host:port; port 0 takes any free port.
func (v *validator) address(path, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsFunc(host, notInName) {
		v.problem(path, "%s is not an address such as 127.0.0.1:8080 or :8080", quote(address))
		return false
	}
	return true
}

// loopback says that only this machine can reach an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // reported as an address
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// overlap says that two listeners want the same port of the same host.
func overlap(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	wild := []string{"", "0.0.0.0", "::"}
	return hostA == hostB || slices.Contains(wild, hostA) || slices.Contains(wild, hostB) ||
		loopback(a) && loopback(b) && (hostA == "localhost" || hostB == "localhost")
}

// secret checks a credential's form and warns where it is short.
func (v *validator) secret(path string, s Secret, strong int) {
	if wrong := s.wrong(); wrong != "" {
		v.problem(path, "%s", wrong)
	} else if s != "" && len(s) < strong {
		v.warn(path, "is short and can be guessed; use at least %d random characters", strong)
	}
}

func (v *validator) shedding() {
	s := &v.c.Shedding
	t := s.Thresholds
	steps := []struct {
		name  string
		value float64
	}{{"low", t.Low}, {"normal", t.Normal}, {"high", t.High}, {"critical", t.Critical}}
	for i, step := range steps {
		path := "shedding.thresholds." + step.name
		if step.value <= 0 || step.value > 1 {
			v.problem(path, "must be above 0 and at most 1")
		} else if i > 0 && step.value < steps[i-1].value {
			v.problem(path, "is below %s: a more important class is not shed first", steps[i-1].name)
		}
	}
	if s.MaxQueue > 1_000_000 {
		v.problem("shedding.max_queue", "must be at most 1000000")
	}
	if s.MaxQueueBytes > 1<<40 {
		v.problem("shedding.max_queue_bytes", "must be at most 1024GiB")
	}
	if s.LowWatermark <= 0 || s.LowWatermark > 1 {
		v.problem("shedding.low_watermark", "must be above 0 and at most 1")
	}
	v.word("shedding.when_full", s.WhenFull, "reject", "drop_oldest", "drop_newest", "drop_random")
}

func (v *validator) prices() {
	for i, p := range v.c.Prices {
		at := fmt.Sprintf("prices[%d]", i)
		if p.Model == "" || len(p.Model) > 256 || strings.Contains(strings.TrimSuffix(p.Model, "*"), "*") {
			v.problem(at+".model", "is needed: an upstream model's name, or the beginning of names and a *")
		}
		if p.Provider != "" && v.c.Provider(p.Provider) == nil {
			v.problem(at+".provider", "there is no provider %s", quote(p.Provider))
		}
		if p.Input < 0 && p.Output < 0 && p.Request < 0 && p.Image < 0 {
			v.problem(at, "says no price: input, output, request or image")
		}
	}
}

func (v *validator) adaptive() {
	a := &v.c.Adaptive
	v.word("adaptive.preset", a.Preset, "conservative", "balanced", "aggressive", "off")
	for _, r := range []struct {
		name  string
		value float64
	}{{"factor", a.Factor}, {"floor", a.Floor}, {"step", a.Step}} {
		if r.value <= 0 || r.value > 1 {
			v.problem("adaptive."+r.name, "must be above 0 and at most 1")
		}
	}
	v.positive("adaptive.within", a.Within, day)
	v.positive("adaptive.hold", a.Hold, day)
	v.positive("adaptive.step_every", a.StepEvery, day)
	if a.Trigger > 1000 {
		v.problem("adaptive.trigger", "must be at most 1000")
	}
}
