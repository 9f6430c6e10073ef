package recording

import (
	"encoding/json"

	"github.com/sluice-gateway/sluice/telemetry"
)

// maxTrail bounds a trail, in bytes.
const maxTrail = 16 << 10

// trail is why a request went the way it did: what its row does not tell.
type trail struct {
	Decisions  []decision            `json:"decisions,omitempty"`
	Shadow     []string              `json:"shadow,omitempty"`
	Candidates []telemetry.Candidate `json:"candidates,omitempty"` // as they were when it could not go at once
	Cut        bool                  `json:"cut,omitempty"`        // there was more
}

type decision struct {
	Reason string `json:"reason"`
	From   string `json:"from"`
	To     string `json:"to,omitempty"`
}

// Bounds of a trail's lists, before its size is looked at.
const (
	maxDecisions  = 64
	maxShadow     = 16
	maxCandidates = 32
)

// trailOf writes a record's trail; nil: the call simply went. What is too long loses the
// candidates' buckets first, then the candidates.
func trailOf(r *telemetry.Record) json.RawMessage {
	if len(r.Decisions) == 0 && len(r.Shadow) == 0 && len(r.Candidates) == 0 {
		return nil
	}
	t := trail{Shadow: r.Shadow[:min(len(r.Shadow), maxShadow)], Candidates: r.Candidates[:min(len(r.Candidates), maxCandidates)]}
	for _, d := range r.Decisions[:min(len(r.Decisions), maxDecisions)] {
		t.Decisions = append(t.Decisions, decision(d))
	}
	t.Cut = len(t.Decisions) < len(r.Decisions) || len(t.Shadow) < len(r.Shadow) || len(t.Candidates) < len(r.Candidates)
	if text := t.json(); text != nil {
		return text
	}
	t.Cut = true
	bare := make([]telemetry.Candidate, len(t.Candidates))
	for i, c := range t.Candidates {
		c.Buckets = nil
		bare[i] = c
	}
	t.Candidates = bare
	if text := t.json(); text != nil {
		return text
	}
	t.Candidates = nil
	if text := t.json(); text != nil {
		return text
	}
	return trail{Cut: true}.json()
}

// json is nil where the trail is too long.
func (t trail) json() json.RawMessage {
	text, err := json.Marshal(t)
	if err != nil || len(text) > maxTrail { // a ratio that is no number does not marshal
		return nil
	}
	return text
}
