package telemetry

// Explanation is what would become of a request now, and why.
type Explanation struct {
	Route     string           `json:"route"`
	Priority  string           `json:"priority"`
	Estimated map[string]int64 `json:"estimated"` // input_tokens, output_tokens, max_tokens, cost_nano_usd
	// Door are the caller's own limits.
	Door []DoorAnswer `json:"door"`
	// Candidates are the accounts that could serve it, in the order of choice.
	Candidates []Candidate `json:"candidates"`
	// Verdict is send, wait or refuse; Sentence says it in words.
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason,omitempty"`
	Sentence string `json:"sentence"`
	// Target and Account are where it would be sent at once.
	Target  string `json:"target,omitempty"`
	Account string `json:"account,omitempty"`
	// WaitMS is how long it would wait; below zero: not known.
	WaitMS int64 `json:"wait_ms"`
	// Queued is the calls that wait before it; PredictedWaitMS how long they take.
	Queued          int   `json:"queued"`
	PredictedWaitMS int64 `json:"predicted_wait_ms"`
}

// DoorAnswer is one of the caller's own tiers.
type DoorAnswer struct {
	Scope  string `json:"scope"` // client_key, owner or route
	Name   string `json:"name"`
	Says   string `json:"says"` // room, wait or too_large
	Short  string `json:"short,omitempty"`
	WaitMS int64  `json:"wait_ms"`
}
