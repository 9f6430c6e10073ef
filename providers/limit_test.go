package providers

import (
	"net/http"
	"testing"
	"time"
)

func TestARefusalTellsItsLimit(t *testing.T) {
	p, _ := PresetFor("openai", "", "")
	for _, c := range []struct {
		message   string
		limit     int64
		requested int64
		window    time.Duration
		kind      Kind
	}{
		{"Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29937, Requested 385. Please try again in 644ms.", 30000, 385, time.Minute, RateTokens},
		{"Rate limit reached for gpt-4o in organization org-x on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.", 3, 1, time.Minute, RateRequests},
		{"Rate limit reached for gpt-4o in organization org-x on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s.", 200, 1, 24 * time.Hour, Daily},
		{"Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 31538. The input or output tokens must be reduced.", 30000, 31538, time.Minute, TooLarge},
		{"Rate limit reached.", 0, 0, 0, RateUnknown},
		{"Limit -5, Used NaN, Requested 99999999999999999999999 per min", 0, 0, 0, RateUnknown},
	} {
		body := []byte(`{"error":{"message":"` + c.message + `","type":"","param":null,"code":"rate_limit_exceeded"}}`)
		f := Classify(&p, http.StatusTooManyRequests, http.Header{}, body, noon)
		if f.Limit != c.limit || f.Requested != c.requested || f.Window != c.window || f.Kind != c.kind {
			t.Errorf("%s\n  limit %d, requested %d, window %v, %s", c.message, f.Limit, f.Requested, f.Window, f.Kind)
		}
	}
}
