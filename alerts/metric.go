package alerts

import (
	"slices"
	"strings"
)

// Unit is what a metric's numbers count.
type Unit uint8

// The units. A condition's value is a plain number in its metric's unit, or one of the
// forms in parentheses.
const (
	Count   Unit = iota
	Seconds      // (10s, 2m)
	Days         // (36h, 14d)
	Share        // 0 to 1 (80%)
	Bytes        // (400MiB)
)

// Metric is something that is read.
type Metric struct {
	Name string
	Unit Unit
	// Labels are those that its readings have; nil: there is one reading.
	Labels []string
	// About says what it is.
	About string
}

// The metrics.
const (
	QueueDepth     = "queue_depth"
	QueueWait      = "queue_wait"
	QueueOldest    = "queue_oldest"
	KeysDown       = "keys_down"
	Spend          = "spend"
	Upstream429    = "upstream_429"
	ErrorRate      = "error_rate"
	KeyErrorRate   = "key_error_rate"
	ShedRate       = "shed_rate"
	LedgerLag      = "ledger_lag"
	ConfigConflict = "config_conflict"
	KeyExpires     = "key_expires"
	Heap           = "heap"
)

// Metrics are all metrics, in the order of the documentation.
func Metrics() []Metric {
	key := []string{"provider", "account", "key"}
	return []Metric{
		{QueueDepth, Count, nil, "calls that wait for upstream room"},
		{QueueWait, Seconds, nil, "average wait of the calls of the last minute that were sent"},
		{QueueOldest, Seconds, nil, "how long the call has waited that has waited longest"},
		{KeysDown, Count, key, "1 for an upstream key that was taken out, 0 for one in use"},
		{Spend, Share, []string{"scope", "name"}, "the largest share that is used of any spend limit of a client key, owner or route"},
		{Upstream429, Count, key[:2], "upstream calls refused for rate in the last minute"},
		{ErrorRate, Share, nil, "share of the last minute's requests that an upstream or the gateway failed"},
		{KeyErrorRate, Share, key, "share of the last minute's upstream calls with a key that failed, other than for rate; from ten calls on"},
		{ShedRate, Share, nil, "share of the last minute's requests that were refused under pressure"},
		{LedgerLag, Seconds, nil, "age of the oldest record that the ledger has not written yet"},
		{ConfigConflict, Count, nil, "1 while a change of the file conflicts with what was changed through the API"},
		{KeyExpires, Days, key, "until an upstream key expires"},
		{Heap, Bytes, nil, "live memory of the process"},
	}
}

func metric(name string) (Metric, bool) {
	all := Metrics()
	i := slices.IndexFunc(all, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return all[i], true
}

// names lists the metrics for an error.
func names() string {
	var b strings.Builder
	for i, m := range Metrics() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(m.Name)
	}
	return b.String()
}
