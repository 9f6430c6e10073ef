package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/store/sqlite"
)

// BenchmarkLedgerRows is how many rows a ledger's Writer brings to a file in a second: each
// turn is a request's row and its attempt's.
func BenchmarkLedgerRows(b *testing.B) {
	dir := b.TempDir()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir, "sluice.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	w, err := ledger.NewWriter(ledger.Options{Store: s, Dir: filepath.Join(dir, "spool")})
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	n := 0
	for ; b.Loop(); n++ {
		id := fmt.Sprintf("req_%024d", n)
		w.Write(ledger.Entry{Attempts: []ledger.Attempt{{RequestID: id, At: begin, KeyID: "k", Key: "k", Provider: "p", Model: "m", Input: 10, Output: 10}}})
		w.Write(ledger.Entry{Request: &ledger.Request{ID: id, At: begin, KeyID: "k", Key: "k", Route: "m", Outcome: "ok", Status: 200}})
		for w.Stats().Waiting > 10_000 { // as fast as it goes, and no faster
			time.Sleep(time.Millisecond)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	stats := w.Stats()
	if lost := stats.Lost.Rows; lost != (ledger.Rows{}) || stats.Written.Requests < int64(n) {
		b.Fatalf("%d of %d written, %+v lost", stats.Written.Requests, n, lost)
	}
	b.ReportMetric(float64(2*n)/time.Since(begin).Seconds(), "rows/s")
}
