package simulated

import (
	"encoding/json"
	"net/http"
)

// Stats are what an account has counted for a model.
type Stats struct {
	Account      string           `json:"account"`
	Model        string           `json:"model"`
	Attempts     int64            `json:"attempts"`
	OK           int64            `json:"ok"`
	Refused429   int64            `json:"refused_429"`
	ByKind       map[string]int64 `json:"by_kind"`
	InputTokens  int64            `json:"input_tokens"`
	OutputTokens int64            `json:"output_tokens"`
	InFlight     int64            `json:"in_flight"`
	MaxInFlight  int64            `json:"max_in_flight"`
	Cancelled    int64            `json:"cancelled"`
	Failed       int64            `json:"failed"`
}

type statsKey struct{ account, model string }

// count changes the statistics of an account and model.
func (s *Server) count(account, model string, change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := statsKey{account, model}
	st := s.stats[k]
	if st == nil {
		st = &Stats{Account: account, Model: model, ByKind: map[string]int64{}}
		if len(s.stats) < 10_000 {
			s.stats[k] = st
		}
	}
	change(st)
	st.MaxInFlight = max(st.MaxInFlight, st.InFlight)
}

// Stats answers a copy of all statistics.
func (s *Server) Stats() []Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Stats, 0, len(s.stats))
	for _, st := range s.stats {
		c := *st
		c.ByKind = map[string]int64{}
		for k, n := range st.ByKind {
			c.ByKind[k] = n
		}
		out = append(out, c)
	}
	return out
}

// Total adds all statistics up.
func (s *Server) Total() (t Stats) {
	for _, st := range s.Stats() {
		t.Attempts += st.Attempts
		t.OK += st.OK
		t.Refused429 += st.Refused429
		t.InputTokens += st.InputTokens
		t.OutputTokens += st.OutputTokens
		t.InFlight += st.InFlight
		t.Cancelled += st.Cancelled
		t.Failed += st.Failed
	}
	return t
}

func (s *Server) serveStats(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"data": s.Stats(), "total": s.Total()}) // the reader may have gone
}

func (s *Server) serveReset(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.stats = map[statsKey]*Stats{}
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
