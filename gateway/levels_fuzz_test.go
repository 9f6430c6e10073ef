package gateway

import (
	"net/http"
	"testing"
)

// A file of levels comes from a disk: whatever is in it, the gateway serves.
func FuzzRestoreLevels(f *testing.F) {
	for _, s := range []string{
		"", "{}", `{"version":1,"clean":true,"scopes":{}}`,
		`{"version":1,"scopes":{"upstream up/a/*":{"At":1,"Blocked":9223372036854775807,"Ratio":0.5,"Buckets":[{"Name":"rpm","Taken":3}]}}}`,
		`{"version":1,"scopes":{"client_key test":{"At":-5,"Ratio":1e300,"Buckets":[{"Name":"rpm","Dimension":200,"Kind":9,"Window":-1,"Taken":-1,"Amount":5,"Learned":true}]}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g := serveYAML(t, nil, narrow, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
		_ = g.RestoreLevels(data) // it may be refused
		if _, err := g.Explain(t.Context(), Question{Body: []byte(ask), Key: "test"}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Levels(true); err != nil {
			t.Fatal(err)
		}
	})
}
