package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/store/sqlite"
)

// kept is a real store with some requests of two owners.
func kept(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: ":memory:"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	at := time.Date(2027, 1, 31, 23, 30, 0, 0, time.UTC)
	var entries []ledger.Entry
	for i := range 5 {
		owner := []string{"acme", "other"}[i%2]
		id := fmt.Sprint("req_", i)
		entries = append(entries, ledger.Entry{
			Request: &ledger.Request{ID: id, ClientID: "=cmd|' /C calc'!A0", At: at.Add(time.Duration(i) * time.Minute), KeyID: "k" + owner, Key: "key of " + owner, Owner: owner,
				Model: "chat", Route: "chat", Priority: "normal", Outcome: "ok", Status: 200, Provider: "p", Account: "a", ServedModel: "m", Attempts: 1,
				Input: 10, Output: 5, Cost: 1_500_000_000, Duration: 1500 * time.Microsecond, Trail: json.RawMessage(`{"decisions":[{"reason":"no_room","from":"p/m"}]}`)},
			Attempts: []ledger.Attempt{{RequestID: id, At: at, KeyID: "k" + owner, Key: "key of " + owner, Owner: owner, Route: "chat", Provider: "p", Account: "a", Model: "m",
				UpstreamKey: "f00d", Status: 200, EstimatedInput: 12, EstimatedOutput: 64, EstimatedCost: 2_000_000_000, Input: 10, Output: 5, Cost: 1_500_000_000}},
			Content: &ledger.Content{RequestID: id, At: at, Prompt: []byte("what was asked"), Answer: []byte("what was answered")},
		})
	}
	if err := s.Append(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	return s
}

func usageAPI(t *testing.T) http.Handler {
	t.Helper()
	s := kept(t)
	now := func() time.Time { return time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC) }
	a, err := New(Options{Endpoints: append(UsageEndpoints(s, now), RequestEndpoints(s)...), Authenticate: as})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestUsageIsSummed(t *testing.T) {
	a := usageAPI(t)
	var l List[Usage]
	w := do(a, "viewer", http.MethodGet, "/usage?group_by=owner,day", "")
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Data) != 2 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if u := l.Data[0]; u.Group["owner"] != "acme" || u.Group["day"] != "2027-01-31" || u.Requests != 3 || u.Attempts != 3 || u.Input != 30 || u.Cost != 4_500_000_000 {
		t.Errorf("%+v", u)
	}
	w = do(a, "viewer", http.MethodGet, "/usage?zone=Asia/Seoul", "")
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Data) != 1 || l.Data[0].Group["day"] != "2027-02-01" {
		t.Errorf("in another zone: %s", w.Body)
	}
	w = do(a, "key-owner", http.MethodGet, "/usage?group_by=key&owner=other", "")
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Data) != 1 || l.Data[0].Group["key_id"] != "kacme" {
		t.Errorf("a key-owner sees %s", w.Body)
	}
	for _, q := range []string{"group_by=planet", "group_by=day,day", "zone=Mars/Base", "zone=Local", "from=yesterday", "format=xml"} {
		if w := do(a, "viewer", http.MethodGet, "/usage?"+q, ""); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", q, w.Code)
		}
	}
}

func TestUsageAsCSV(t *testing.T) {
	w := do(usageAPI(t), "viewer", http.MethodGet, "/usage?group_by=owner&format=csv", "")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][0] != "owner" || strings.Join(rows[1], " ") != "acme 3 0 3 0 30 15 0 4.5" {
		t.Fatalf("%v %v", err, rows)
	}
}

func TestRequestsAreFound(t *testing.T) {
	a := usageAPI(t)
	var l List[Request]
	w := do(a, "viewer", http.MethodGet, "/requests?limit=2", "")
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Data) != 2 || l.Data[0].ID != "req_4" || l.Next == nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w = do(a, "viewer", http.MethodGet, "/requests?limit=10&after="+*l.Next, "")
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Data) != 3 || l.Data[0].ID != "req_2" || l.Next != nil {
		t.Errorf("the next page: %s", w.Body)
	}
	w = do(a, "viewer", http.MethodGet, "/requests?owner=other", "")
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Data) != 2 {
		t.Errorf("%s", w.Body)
	}
	var d RequestDetail
	w = do(a, "admin", http.MethodGet, "/requests/req_1", "")
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.Key != "key of other" || len(d.Attempts) != 1 || d.Attempts[0].Key != "f00d" ||
		len(d.Decisions) != 1 || d.Content == nil || d.Content.Prompt != "what was asked" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if a := d.Attempts[0]; a.EstimatedInput != 12 || a.EstimatedOutput != 64 || a.EstimatedNanoUSD != 2_000_000_000 || a.Input != 10 || a.Output != 5 || a.CostNanoUSD != 1_500_000_000 {
		t.Errorf("estimated and actual: %+v", a)
	}
	if w = do(a, "operator", http.MethodGet, "/requests/req_1", ""); strings.Contains(w.Body.String(), "what was asked") {
		t.Error("an operator reads what was asked")
	}
	if w = do(a, "viewer", http.MethodGet, "/requests/req_9", ""); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
}

func TestKeyOwnersFindOnlyTheirOwnRequests(t *testing.T) {
	a := usageAPI(t)
	var l List[Request]
	w := do(a, "key-owner", http.MethodGet, "/requests?owner=other", "")
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Data) != 3 || l.Data[0].Owner != "acme" {
		t.Errorf("%s", w.Body)
	}
	if w = do(a, "key-owner", http.MethodGet, "/requests/req_1", ""); w.Code != http.StatusNotFound {
		t.Errorf("another's request: %d", w.Code)
	}
	if w = do(a, "key-owner", http.MethodGet, "/requests/req_0", ""); w.Code != http.StatusOK {
		t.Errorf("the own request: %d", w.Code)
	}
}

// What a client calls its request does not become a formula in a spreadsheet.
func TestExportsAreInert(t *testing.T) {
	w := do(usageAPI(t), "viewer", http.MethodGet, "/requests?format=csv", "")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 6 || rows[1][1] != "'=cmd|' /C calc'!A0" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		t.Fatalf("%v %v", err, rows)
	}
	for cell, want := range map[string]string{"-5.2": "-5.2", "+1": "+1", "-x": "'-x", "@a": "'@a", "a": "a", "": ""} {
		if got := inert(cell); got != want {
			t.Errorf("%q: %q", cell, got)
		}
	}
}
