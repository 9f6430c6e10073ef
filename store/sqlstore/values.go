package sqlstore

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluice-gateway/sluice/auth"
)

// maxError bounds the ledger's and the audit log's texts for people, in bytes.
const maxError = 4 << 10

// micros and moment are the two directions of a time; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// timeOf scans a time.
type timeOf struct{ t *time.Time }

func (s timeOf) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a time is %T", v)
	}
	*s.t = moment(n)
	return nil
}

// jsonOf scans JSON into a value; empty lists and maps come back nil.
type jsonOf struct{ into any }

func (s jsonOf) Scan(v any) error {
	switch v := v.(type) {
	case string:
		return s.read([]byte(v))
	case []byte:
		return s.read(v)
	}
	return fmt.Errorf("JSON is %T", v)
}

func (s jsonOf) read(text []byte) error {
	switch string(text) {
	case "[]", "{}":
		return nil
	}
	return json.Unmarshal(text, s.into)
}

// list and object write JSON; nil is empty.
func list(l []string) string {
	if len(l) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(l) // strings cannot fail
	return string(text)
}

func object(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	text, _ := json.Marshal(m) // strings cannot fail
	return string(text)
}

// hashOf scans a SHA-256.
type hashOf struct{ h *[32]byte }

func (s hashOf) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(s.h) && len(b) != 0 {
		return fmt.Errorf("a hash is %T of %d bytes", v, len(b))
	}
	*s.h = [32]byte{}
	copy(s.h[:], b)
	return nil
}

// blob is NULL where there is nothing.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// storable tells whether every engine can hold a text.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// refuse is ErrInvalid where a name is missing or too long, or where one of the texts
// cannot be held.
func refuse(names []string, texts ...string) error {
	for _, n := range names {
		if n == "" || len(n) > auth.MaxName || !storable(n) {
			return fmt.Errorf("%w: a name is empty, longer than %d bytes, not UTF-8 or holds a NUL", auth.ErrInvalid, auth.MaxName)
		}
	}
	for _, t := range texts {
		if !storable(t) {
			return fmt.Errorf("%w: a text is not UTF-8 or holds a NUL", auth.ErrInvalid)
		}
	}
	return nil
}

// askable tells whether a name could be in the database at all. Engines differ in what they
// say about one that could not.
func askable(names ...string) bool {
	for _, n := range names {
		if len(n) > auth.MaxName || !storable(n) {
			return false
		}
	}
	return true
}

// mend makes a text one that every engine can hold, of at most so many bytes.
func mend(s string, most int) string {
	if len(s) > 4*most {
		s = s[:4*most] // what is cut away anyway need not be mended
	}
	if !storable(s) {
		s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	}
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// word mends a name.
func word(s string) string { return mend(s, auth.MaxName) }
