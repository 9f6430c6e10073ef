package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/simulation"
)

func sample() []*simulation.Result {
	hostile := "<script>alert(1)</script>\x1b[31m"
	return []*simulation.Result{{
		Engine: simulation.Sluice, Seed: 7, Measured: time.Minute, Took: 3 * time.Millisecond,
		Arrived: 10, Served: 7, Refused: 2, Failed: 1, Attempts: 9, Upstream429: 1, Offered: 1000, Goodput: 700, Jain: 0.9,
		Accounts: []simulation.AccountResult{{Name: "p/a/m", Attempts: 9, Refused: 1, Requests: 8, Tokens: 700, Used: 0.75}},
		Classes:  map[string]*simulation.GroupResult{"critical": {Arrived: 4, Served: 4, Tokens: 300}, "normal": {Arrived: 6, Served: 3, Refused: 2, Failed: 1, Tokens: 400}},
		Clients:  map[string]*simulation.GroupResult{hostile: {Arrived: 10, Served: 7, Tokens: 700}},
		Reasons:  map[string]int{"shed": 2},
		Timeline: []simulation.Point{{Arrived: 5, Served: 3, Tokens: 300, Ratio: 1}, {At: 30 * time.Second, Arrived: 5, Served: 4, Upstream429: 1, Tokens: 400, Queued: [4]int{0, 0, 3, 0}, Ratio: 0.8}},
	}}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := Table(&b, sample()); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{"10 arrived, 7 served (70.0 %)", "1 of 9 attempts (11.111 %)", "75.0 %", "refused: shed", "critical", "p/a/m"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("a name writes to the terminal")
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, sample()); err != nil {
		t.Fatal(err)
	}
	var got []Report
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	r := got[0]
	if r.Arrived != r.Served+r.Refused+r.Failed || r.Classes["critical"].Arrived+r.Classes["normal"].Arrived != r.Arrived || r.MeasuredS != 60 {
		t.Fatalf("%+v", r)
	}
	if !strings.Contains(b.String(), `"upstream_429_share"`) {
		t.Error(b.String())
	}
}

func TestHTMLStandsAlone(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, `A "title" <b>`, sample()); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if strings.Count(out, "<svg") != 5 || !strings.Contains(out, "&lt;script&gt;") || !strings.Contains(out, "70.0 %") {
		t.Fatalf("%s", out)
	}
	for _, no := range []string{"<script", "http://", "https://", "<b>", "<link", "@import"} {
		if strings.Contains(out, no) {
			t.Errorf("%q in the page", no)
		}
	}
}
