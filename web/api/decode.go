package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads the body's JSON, an object, into the struct that v points to. Names that
// the struct has not, values of another type, repeated names, invalid UTF-8 and anything
// after the value are refused; all names and types that are wrong are told at once.
func (c *Call) Decode(v any) error {
	if err := c.mustBeJSON(); err != nil {
		return err
	}
	data, err := c.Read()
	if err != nil {
		return err
	}
	return decode(data, v)
}

// mustBeJSON refuses a body that says it is something else. What curl says of -d, and
// nothing at all, is taken for JSON.
func (c *Call) mustBeJSON() error {
	told := c.Request.Header.Get("Content-Type")
	if told == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(told)
	known := media == "application/json" || media == "application/x-www-form-urlencoded" || strings.HasSuffix(media, "+json")
	charset := strings.ToLower(params["charset"])
	if err == nil && known && (charset == "" || charset == "utf-8") {
		return nil
	}
	return &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
		Message: "the body is " + clip(strconv.Quote(told)) + " and has to be application/json in UTF-8"}
}

func decode(data []byte, v any) error {
	if err := wellFormed(data); err != nil {
		return err
	}
	s := shape{}
	s.object("", data, reflect.ValueOf(v).Elem())
	if len(s) > 0 {
		return &Error{Status: http.StatusBadRequest, Code: "invalid_json", Message: "the body cannot be used", Fields: s}
	}
	return nil
}

// wellFormed says what keeps data from being one JSON object.
func wellFormed(data []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	switch kind := d.PeekKind(); {
	case len(bytes.TrimSpace(data)) == 0:
		return BadRequest("invalid_json", "the body is empty and has to be a JSON object")
	case kind != '{' && kind != 0:
		return BadRequest("invalid_json", "the body must be a JSON object")
	}
	if err := d.SkipValue(); err != nil {
		return BadRequest("invalid_json", "the body is not JSON: "+syntaxProblem(err))
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return BadRequest("invalid_json", "the body holds more than one JSON value")
	}
	return nil
}

// syntaxProblem words a syntactic error with its place.
func syntaxProblem(err error) string {
	var e *jsontext.SyntacticError
	switch {
	case errors.As(err, &e) && e.Err != nil:
		return fmt.Sprintf("%s at byte %d", e.Err, e.ByteOffset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it ends early"
	}
	return "it cannot be read"
}

// shape is what is wrong with the names and types of a body, by path.
type shape map[string]string

// mostShapes bounds what is told of one body.
const mostShapes = 50

func (s shape) wrong(path, problem string) {
	if len(s) < mostShapes {
		s[clip(orElse(path, "body"))] = problem
	}
}

// object decodes an object into a struct, member by member.
func (s shape) object(path string, data []byte, to reflect.Value) {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		s.wrong(path, "must be an object")
		return
	}
	fields := fieldsOf(to)
	for name, raw := range members {
		at := name
		if path != "" {
			at = path + "." + name
		}
		if f, ok := fields[name]; ok {
			s.value(at, raw, f)
			continue
		}
		names := make([]string, 0, len(fields))
		for n := range fields {
			names = append(names, n)
		}
		slices.Sort(names)
		s.wrong(at, "there is no such field; there are "+join(names))
	}
}

// fieldsOf are a struct's fields by their names in JSON.
func fieldsOf(to reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range to.NumField() {
		name, _, _ := strings.Cut(to.Type().Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = to.Field(i)
		}
	}
	return fields
}

func (s shape) value(path string, raw json.RawMessage, to reflect.Value) {
	t := to.Type()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && string(raw) != "null":
		s.object(path, raw, settable(to))
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && string(raw) != "null":
		s.list(path, raw, settable(to))
	case json.Unmarshal(raw, to.Addr().Interface()) != nil:
		s.wrong(path, "must be "+kindOf(t))
	}
}

// settable is what pointers lead to, made where it is not there.
func settable(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	return v
}

func (s shape) list(path string, data []byte, to reflect.Value) {
	var items []json.RawMessage
	if json.Unmarshal(data, &items) != nil {
		s.wrong(path, "must be a list")
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
	for i, raw := range items {
		s.value(fmt.Sprintf("%s[%d]", path, i), raw, to.Index(i))
	}
}

// kindOf says what a value of a type looks like.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "a moment such as 2027-01-31T18:00:00Z"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice:
		return "a list of texts"
	case t.Kind() == reflect.Map:
		return "an object"
	case t.Kind() == reflect.Float64:
		return "a number"
	}
	return "a whole number"
}
