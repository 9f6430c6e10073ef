package trace

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The columns that mean something. The first needed of them must be there.
const (
	timestampColumn = iota
	inputColumn
	outputColumn
	modelColumn
	priorityColumn
	clientColumn
	maxTokensColumn
	columns
	needed = modelColumn
)

func columnNames() [columns]string {
	return [columns]string{"TIMESTAMP", "ContextTokens", "GeneratedTokens", "Model", "Priority", "Client", "MaxTokens"}
}

// table is a CSV file after its header.
type table struct {
	names  [columns]string // as the file writes them
	place  [columns]int    // which field a column is; -1: the file does not have it
	width  int
	fields []string // of the row, reused
	form   form     // of the last row's timestamp
}

func readHeader(in *lines) (*table, error) {
	line, err := in.next()
	if err == io.EOF {
		return nil, errors.New("the trace is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("the header cannot be read: %w", err)
	}
	found, err := split(nil, string(line), maxLine)
	if err != nil {
		return nil, fmt.Errorf("the header cannot be read: %w", err)
	}
	t := &table{width: len(found)}
	var missing []string
	for column, want := range columnNames() {
		is := func(s string) bool { return strings.EqualFold(s, want) }
		i := slices.IndexFunc(found, is)
		t.place[column] = i
		if i < 0 {
			if column < needed {
				missing = append(missing, want)
			}
			continue
		}
		t.names[column] = found[i]
		if slices.ContainsFunc(found[i+1:], is) {
			return nil, fmt.Errorf("the column %s is there twice", want)
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("no column %s: the header has %s", strings.Join(missing, ", "), list(found))
	}
	return t, nil
}

// list shows column names, of which there may be very many.
func list(names []string) string {
	const most = 20
	var quoted []string
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, quote(n))
	}
	if len(names) > most {
		quoted = append(quoted, "...")
	}
	return strings.Join(quoted, ", ")
}

func (t *table) parse(line []byte) (c Call, err error) {
	if t.fields, err = split(t.fields[:0], string(line), t.width+1); err != nil {
		return c, err
	}
	if len(t.fields) > t.width {
		return c, fmt.Errorf("the row has more fields than the header, which has %d", t.width)
	}
	if len(t.fields) < t.width {
		return c, fmt.Errorf("the row has %d fields, the header %d", len(t.fields), t.width)
	}
	if c.At, err = t.moment(t.names[timestampColumn], t.field(timestampColumn)); err != nil {
		return c, err
	}
	if c.Input, err = tokens(t.names[inputColumn], t.field(inputColumn)); err != nil {
		return c, err
	}
	if c.Output, err = tokens(t.names[outputColumn], t.field(outputColumn)); err != nil {
		return c, err
	}
	if s := t.field(maxTokensColumn); s != "" {
		if c.MaxTokens, err = tokens(t.names[maxTokensColumn], s); err != nil {
			return c, err
		}
	}
	if c.Priority, err = priority(t.names[priorityColumn], t.field(priorityColumn)); err != nil {
		return c, err
	}
	if c.Model, err = name(t.names[modelColumn], t.field(modelColumn)); err != nil {
		return c, err
	}
	c.Client, err = name(t.names[clientColumn], t.field(clientColumn))
	return c, err
}

// field is the row's value of a column; empty if the file does not have it.
func (t *table) field(column int) string {
	if i := t.place[column]; i >= 0 {
		return t.fields[i]
	}
	return ""
}

// form is a way to write a timestamp.
type form int

const (
	spaced  form = iota // 2023-11-16 18:15:46.6805900, in UTC
	rfc3339             // 2023-11-16T18:15:46.68059Z
	zoned               // 2024-05-10 00:00:00.009930+00:00, as the traces of 2024
	seconds             // 12.5
	forms
)

// layout is for time.Parse, which takes a fraction of the seconds by itself.
func (f form) layout() string {
	return [...]string{"2006-01-02 15:04:05", time.RFC3339, "2006-01-02 15:04:05Z07:00"}[f]
}

// moment reads a timestamp, trying first the form that the row before has.
func (t *table) moment(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, fmt.Errorf("%s is missing", field)
	}
	if at, ok, err := t.form.parse(field, text); ok {
		return at, err
	}
	for f := range forms {
		if at, ok, err := f.parse(field, text); ok {
			t.form = f
			return at, err
		}
	}
	return 0, fmt.Errorf("%s is neither a time nor a number of seconds: %s", field, quote(text))
}

// parse tells whether text has this form, and if so what it says.
func (f form) parse(field, text string) (at time.Duration, ok bool, err error) {
	if f == seconds {
		if _, err := strconv.ParseFloat(text, 64); errors.Is(err, strconv.ErrSyntax) {
			return 0, false, nil
		}
		at, err = elapsed(field, text, time.Second)
		return at, true, err
	}
	t, err := time.Parse(f.layout(), text)
	if err != nil {
		return 0, false, nil
	}
	if t.Unix() < 0 || t.Unix() >= int64(maxMoment/time.Second) {
		return 0, true, fmt.Errorf("%s is not between 1970 and 2261: %s", field, quote(text))
	}
	return time.Duration(t.UnixNano()), true, nil
}

// split appends the fields of a line, most at most, to dst, without the spaces around
// them. A field that begins with a quote ends with one, and may have commas between
// them and quotes, doubled; elsewhere a quote is a character like others.
func split(dst []string, line string, most int) ([]string, error) {
	for len(dst) < most {
		line = strings.TrimLeft(line, " \t")
		if strings.HasPrefix(line, `"`) {
			field, rest, err := quoted(line[1:])
			if err != nil {
				return dst, err
			}
			dst = append(dst, field)
			if rest == "" {
				return dst, nil
			}
			line = rest[1:]
			continue
		}
		field, rest, more := strings.Cut(line, ",")
		dst = append(dst, strings.TrimRight(field, " \t"))
		if !more {
			return dst, nil
		}
		line = rest
	}
	return dst, nil
}

// quoted takes a field after its opening quote; rest is empty or begins with a comma.
func quoted(s string) (field, rest string, err error) {
	end := 0
	for {
		i := strings.IndexByte(s[end:], '"')
		if i < 0 {
			return "", "", errors.New("a quote is not closed")
		}
		end += i
		if !strings.HasPrefix(s[end+1:], `"`) {
			break
		}
		end += len(`""`)
	}
	rest = strings.TrimLeft(s[end+1:], " \t")
	if rest != "" && rest[0] != ',' {
		return "", "", errors.New("text follows a closed quote")
	}
	return strings.ReplaceAll(s[:end], `""`, `"`), rest, nil
}
