package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Rows counts rows.
type Rows struct {
	Requests int64 `json:"requests"`
	Attempts int64 `json:"attempts"`
	Contents int64 `json:"contents"`
}

func (r *Rows) add(e *Entry) {
	if e.Request != nil {
		r.Requests++
	}
	r.Attempts += int64(len(e.Attempts))
	if e.Content != nil {
		r.Contents++
	}
}

// Loss is what the ledger could not keep.
type Loss struct {
	Rows
	// From and To are when the first and the last of it was lost; zero: nothing was.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (l *Loss) add(e *Entry, at time.Time) {
	l.Rows.add(e)
	if l.From.IsZero() {
		l.From = at
	}
	l.To = at
}

// String says it in a sentence.
func (l Loss) String() string {
	if l.Rows == (Rows{}) {
		return "ledger lost nothing"
	}
	return fmt.Sprintf("ledger lost %d request rows, %d attempt rows and %d contents between %s and %s",
		l.Requests, l.Attempts, l.Contents, l.From.UTC().Format(time.RFC3339), l.To.UTC().Format(time.RFC3339))
}

// noteSize is the size of the note's file. It is written in full when it is made, so that
// writing it later takes no room on a disk that may be full then.
const noteSize = 512

// lossNote is the durable account of what was lost, in one file that is overwritten in
// place.
type lossNote struct{ path string }

func openNote(dir string) (lossNote, Loss, error) {
	n := lossNote{filepath.Join(dir, "lost.json")}
	f, err := os.Open(n.path)
	if errors.Is(err, fs.ErrNotExist) {
		return n, Loss{}, n.write(Loss{})
	}
	if err != nil {
		return n, Loss{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, noteSize))
	if err != nil {
		return n, Loss{}, err
	}
	var l Loss
	if json.Unmarshal(bytes.TrimSpace(data), &l) != nil {
		return n, Loss{}, n.write(Loss{}) // a kill in the middle of its first writing
	}
	return n, l, nil
}

func (n lossNote) write(l Loss) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	text = append(text, bytes.Repeat([]byte(" "), max(noteSize-1-len(text), 0))...)
	f, err := os.OpenFile(n.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(append(text, '\n'), 0)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
