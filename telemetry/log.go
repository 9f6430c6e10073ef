package telemetry

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"time"
)

// ParseLevel reads debug, info, warn or error; anything else is info.
func ParseLevel(s string) (l slog.Level) {
	if l.UnmarshalText([]byte(s)) != nil {
		return slog.LevelInfo
	}
	return l
}

// NewLogger makes a structured log on w: format json or text, and a level that may
// change. Values that look like secrets are masked at the sink, as a second
// line of defence: nobody should log one.
func NewLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	secret := regexp.MustCompile(`(?i)(bearer\s+|\bsk-|\bsluice-admin-|\bgsk_|\bAIza)[A-Za-z0-9._~+/=-]{6,}`)
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindString {
			if s := a.Value.String(); mayHoldSecret(s) {
				return slog.String(a.Key, secret.ReplaceAllString(s, "${1}***"))
			}
		}
		return a
	}}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// mayHoldSecret is a cheap look before the exact one.
func mayHoldSecret(s string) bool {
	if len(s) < 8 {
		return false
	}
	for _, mark := range [...]string{"sk-", "SK-", "earer", "EARER", "sluice-admin-", "gsk_", "AIza"} {
		if strings.Contains(s, mark) {
			return true
		}
	}
	return false
}

// RecordLogger writes one line per request.
type RecordLogger struct{ log *slog.Logger }

// NewRecordLogger logs records: at info where the client got an answer of its own
// making, at warn where an upstream or the gateway failed.
func NewRecordLogger(l *slog.Logger) RecordLogger { return RecordLogger{l} }

// Record writes the line.
func (l RecordLogger) Record(r *Record) {
	level := slog.LevelInfo
	if r.Status >= 500 || r.Outcome == "stream_broken" {
		level = slog.LevelWarn
	}
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	var room [30]slog.Attr
	a := append(room[:0],
		slog.String("request_id", r.ID), slog.String("outcome", r.Outcome), slog.Int("status", r.Status),
		slog.String("endpoint", r.Endpoint), slog.String("key", r.Key), slog.String("route", r.Route),
		slog.String("priority", r.Priority))
	text := func(key, v string) {
		if v != "" {
			a = append(a, slog.String(key, v))
		}
	}
	text("owner", r.Owner)
	text("client_request_id", r.ClientID)
	text("provider", r.Provider)
	text("account", r.Account)
	text("model", r.ServedModel)
	text("limited_by", r.LimitedBy)
	text("error_code", r.ErrorCode)
	text("fault", string(r.Fault))
	text("error", r.Error)
	text("cache", r.Cache)
	if n := len(r.Attempts); n > 0 {
		a = append(a, slog.Int("attempts", n), millis("queue_ms", r.QueueWait),
			slog.Int64("estimated_input", r.EstimatedInput), slog.Int64("estimated_output", r.EstimatedOutput),
			slog.Int64("input_tokens", r.Input), slog.Int64("output_tokens", r.Output), millis("first_byte_ms", r.FirstByte))
	}
	if r.Cost > 0 {
		a = append(a, slog.Float64("cost_usd", float64(r.Cost)/1e9))
	}
	text("decisions", r.story())
	text("shadow", strings.Join(r.Shadow, "; "))
	a = append(a, slog.Bool("stream", r.Stream), millis("duration_ms", r.Duration))
	l.log.LogAttrs(context.Background(), level, "request", a...)
}

func millis(key string, d time.Duration) slog.Attr {
	return slog.Float64(key, float64(d.Microseconds())/1000)
}

// story joins the failed attempts and the decisions in a line.
func (r *Record) story() string {
	if len(r.Decisions) == 0 && len(r.Attempts) < 2 {
		return ""
	}
	var b strings.Builder
	for _, a := range r.Attempts {
		if a.Kind != "" {
			b.WriteString(a.Provider + "/" + a.Model + "@" + a.Account + ": " + a.Kind + "; ")
		}
	}
	for _, d := range r.Decisions {
		b.WriteString(d.Reason + ": " + d.From)
		if d.To != "" {
			b.WriteString(" → " + d.To)
		}
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}
