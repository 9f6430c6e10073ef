package telemetry

import "testing"

func TestFaultOf(t *testing.T) {
	for _, c := range []struct {
		outcome, code, shed string
		want                Fault
	}{
		{"ok", "", "", FaultNone},
		{"rejected", "invalid_json", "", FaultCaller},
		{"rejected", "model_not_found", "", FaultCaller},
		{"unauthorized", "invalid_api_key", "", FaultCaller},
		{"upstream_rejected", "context_length_exceeded", "", FaultCaller},
		{"client_gone", "client_closed_request", "", FaultCaller},
		{"client_gone", "", "", FaultCaller},
		{"limited", "rate_limit_exceeded", "", FaultPolicy},
		{"limited", "insufficient_quota", "", FaultPolicy},
		{"no_room", "rate_limit_exceeded", "", FaultPolicy},
		{"too_large", "tokens_exceed_limit", "", FaultPolicy},
		{"shed", "shed", "shed", FaultPolicy},
		{"shed", "queue_full", "queue_full", FaultPolicy},
		{"shed", "shed", "heap", FaultGateway},
		{"shed", "shed", "body_bytes", FaultGateway},
		{"upstream_failed", "upstream_error", "", FaultProvider},
		{"upstream_failed", "no_upstream_available", "", FaultProvider},
		{"timeout", "timeout", "", FaultProvider},
		{"stream_broken", "upstream_error", "", FaultProvider},
		{"stream_broken", "upstream_timeout", "", FaultProvider},
		{"stream_broken", "shutting_down", "", FaultGateway},
		{"shutdown", "shutting_down", "", FaultGateway},
		{"internal_error", "internal_error", "", FaultGateway},
		{"", "", "", FaultGateway},
		{"something new", "ok", "", FaultGateway},
	} {
		if got := FaultOf(c.outcome, c.code, c.shed); got != c.want {
			t.Errorf("%s/%s/%s: %q, want %q", c.outcome, c.code, c.shed, got, c.want)
		}
	}
}
